//! Reading of the request's body as an update.
//!
//! 1. Not a POST: 405 with `Allow: POST`.
//! 2. Not `application/json`, or compressed: 415. With a decompression layer further out, compressed bodies are
//!    accepted.
//! 3. A body over [`max_bytes`](UpdateLayer::max_bytes) (default: 1 MiB), by its declared length or by the bytes
//!    that arrive: 413, and no more is read. So is one over the limit of a layer further out that wraps the body in
//!    http-body-util's `Limited`, such as tower-http's `RequestBodyLimitLayer`. axum's `DefaultBodyLimit` has no effect.
//! 4. A body that hasn't arrived within the [`read_timeout`](UpdateLayer::read_timeout) (default: 10 seconds): 408.
//! 5. A body that isn't an update, by its first two keys, or by its whole outer object if they aren't the usual ones:
//!    400.
//! 6. Otherwise the inner service gets an `http::Request<RawUpdate>` with the same head.
//!
//! Only the envelope is read here, whatever the size of the body. Whether the rest is JSON shows when it is
//! [parsed](super::ParseLayer).
//!
//! # Example
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_telegram::webhook::{RawUpdate, UpdateLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(UpdateLayer::new())
//!     .service(service_fn(async |update: Request<RawUpdate>| {
//!         assert_eq!(update.body().update_id(), 7);
//!         Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//!     }));
//! let post = |body: &str| {
//!     Request::post("/")
//!         .header("content-type", "application/json")
//!         .body(body.to_owned())
//! };
//!
//! let update = post(r#"{"update_id":7,"message":{}}"#)?;
//! assert_eq!(service.clone().oneshot(update).await?.status(), StatusCode::OK);
//!
//! let other = post(r#"{"hello":"world"}"#)?;
//! assert_eq!(service.oneshot(other).await?.status(), StatusCode::BAD_REQUEST);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! The read timeout is tokio's timer: with the feature `tokio`, a body that hasn't arrived at once must be polled
//! within a tokio runtime with its time driver on. Without the feature there is no read timeout; add a layer that has
//! one.

#[cfg_attr(not(any(feature = "tokio", feature = "metrics")), allow(dead_code))]
mod age;
mod raw_update;

use std::{
    error::Error,
    future::Future,
    io, mem,
    num::IntErrorKind,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, Method, Request, Response, request};
use http_body::Body;
use http_body_util::LengthLimitError;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

pub(crate) use self::age::age;
pub use self::raw_update::RawUpdate;
use super::{Rejection, outcome::log_unlogged};
use crate::{
    body::collect::{CollectError, CollectLimited, CollectLimits},
    client::causes,
    task::polled_after_completion,
};

/// Reads the request's body as an update, within limits of size and time. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct UpdateLayer {
    limits: CollectLimits,
}

impl Default for UpdateLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl UpdateLayer {
    /// At most 1 MiB (Telegram's own limit is half of that) within 10 seconds.
    pub fn new() -> Self {
        Self {
            limits: CollectLimits {
                max_bytes: 1 << 20,
                read_timeout: Some(std::time::Duration::from_secs(10)),
            },
        }
    }

    /// How many bytes a body may have. Default: 1 MiB. Telegram's own limit is 512 KiB.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.limits.max_bytes = max_bytes;
        self
    }

    /// How long a body may take to arrive, from when it is first pending. With zero, a body that doesn't arrive with
    /// its head is rejected. Default: 10 seconds.
    #[cfg(feature = "tokio")]
    #[must_use]
    pub fn read_timeout(mut self, limit: std::time::Duration) -> Self {
        self.limits.read_timeout = Some(limit);
        self
    }

    /// Waits for a body as long as the server does.
    #[cfg(feature = "tokio")]
    #[must_use]
    pub fn without_read_timeout(mut self) -> Self {
        self.limits.read_timeout = None;
        self
    }

    /// Checks whether the request may hold an update, before its body is read.
    fn check<B: Body>(&self, request: &Request<B>) -> Result<(), Rejection> {
        if request.method() != Method::POST {
            return Err(Rejection::Method);
        }
        let declared = ContentHeaders::read(request.headers());
        if !declared.is_json {
            return Err(Rejection::ContentType);
        }
        if declared.is_encoded {
            return Err(Rejection::ContentEncoding);
        }
        let limit = self.limits.max_bytes;
        if declared.length.max(request.body().size_hint().lower()) > limit as u64 {
            return Err(Rejection::TooLarge { limit: Some(limit) });
        }
        Ok(())
    }

    /// Reads an update without a service behind: what the extractors do.
    #[cfg(feature = "axum")]
    pub(crate) async fn read<B>(self, request: Request<B>) -> Result<RawUpdate, Rejection>
    where
        B: Body<Error: Into<BoxError>>,
    {
        self.check(&request)?;
        let body = std::pin::pin!(CollectLimited::new(request.into_body(), self.limits));
        RawUpdate::from_bytes(body.await?).map_err(Rejection::Malformed)
    }
}

/// The properties of a body, by the headers.
struct ContentHeaders {
    is_json: bool,
    is_encoded: bool,
    length: u64,
}

impl ContentHeaders {
    /// One pass over the headers, of which Telegram sends few: three searches by name cost 250 instructions more.
    fn read(headers: &HeaderMap) -> Self {
        let mut content_type: Option<&[u8]> = None;
        let mut length: Option<&[u8]> = None;
        let mut is_encoded = false;
        for (name, value) in headers {
            let value = value.as_bytes();
            match name.as_str() {
                "content-type" => _ = content_type.get_or_insert(value),
                "content-length" => _ = length.get_or_insert(value),
                "content-encoding" => {
                    is_encoded |= !value.trim_ascii().eq_ignore_ascii_case(b"identity");
                }
                _ => {}
            }
        }
        Self {
            is_json: content_type.is_some_and(is_json),
            is_encoded,
            length: length.map_or(0, content_length),
        }
    }
}

/// `application/json`, with any parameters.
fn is_json(content_type: &[u8]) -> bool {
    const JSON: &[u8] = b"application/json";
    let essence = || content_type.split(|b| *b == b';').next();
    content_type == JSON || essence().is_some_and(|e| e.trim_ascii().eq_ignore_ascii_case(JSON))
}

/// The declared length. 0 if it isn't a number, and `u64::MAX` if the number is too large.
fn content_length(text: &[u8]) -> u64 {
    match str::from_utf8(text).map(str::parse) {
        Ok(Ok(number)) => number,
        Ok(Err(error)) if *error.kind() == IntErrorKind::PosOverflow => u64::MAX,
        _ => 0,
    }
}

impl<S> Layer<S> for UpdateLayer {
    type Service = UpdateService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        UpdateService {
            inner,
            layer: *self,
        }
    }
}

/// The service of [`UpdateLayer`].
#[derive(Clone, Copy, Debug)]
pub struct UpdateService<S> {
    inner: S,
    layer: UpdateLayer,
}

impl<S> UpdateService<S> {
    inner_accessors!();
}

impl<S, B, R> Service<Request<B>> for UpdateService<S>
where
    S: Service<Request<RawUpdate>, Response = Response<R>> + Clone,
    B: Body<Error: Into<BoxError>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        if let Err(why) = self.layer.check(&request) {
            let state = State::Rejected { why: Some(why) };
            return ResponseFuture { state };
        }
        let (head, body) = request.into_parts();
        // The future takes the service that was polled ready and leaves the clone, which wasn't.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        ResponseFuture {
            state: State::Reading {
                body: CollectLimited::new(body, self.layer.limits),
                next: Some((head, inner)),
            },
        }
    }
}

pin_project! {
    /// The response future of [`UpdateService`].
    pub struct ResponseFuture<S, F, B> {
        #[pin]
        state: State<S, F, B>,
    }
}

impl<S, F, B> std::fmt::Debug for ResponseFuture<S, F, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B> {
        Reading {
            #[pin]
            body: CollectLimited<B>,
            next: Option<(request::Parts, S)>,
        },
        Handling { #[pin] future: F, update_id: i64 },
        Rejected { why: Option<Rejection> },
    }
}

impl<S, B, R> Future for ResponseFuture<S, S::Future, B>
where
    S: Service<Request<RawUpdate>, Response = Response<R>>,
    B: Body<Error: Into<BoxError>>,
    R: Default,
{
    type Output = Result<Response<R>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let new = match state.as_mut().project() {
                StateProj::Handling { future, update_id } => {
                    let response = ready!(future.poll(cx));
                    if let Ok(response) = &response {
                        log_unlogged(*update_id, response);
                    }
                    return Poll::Ready(response);
                }
                StateProj::Rejected { why } => {
                    let why = why.take().unwrap_or_else(|| polled_after_completion());
                    why.log(None, None);
                    return Poll::Ready(Ok(why.into_response()));
                }
                StateProj::Reading { body, next } => {
                    let body = ready!(body.poll(cx));
                    let raw = body
                        .map_err(Rejection::from)
                        .and_then(|b| RawUpdate::from_bytes(b).map_err(Rejection::Malformed));
                    let (head, mut inner) =
                        next.take().unwrap_or_else(|| polled_after_completion());
                    match raw {
                        Ok(raw) => State::Handling {
                            update_id: raw.update_id(),
                            future: inner.call(Request::from_parts(head, raw)),
                        },
                        Err(why) => State::Rejected { why: Some(why) },
                    }
                }
            };
            state.set(new);
        }
    }
}

impl<E: Into<BoxError>> From<CollectError<E>> for Rejection {
    fn from(error: CollectError<E>) -> Self {
        match error {
            CollectError::TooLarge { limit } => Self::TooLarge { limit: Some(limit) },
            CollectError::Timeout => Self::Timeout,
            CollectError::Body(error) => {
                let error: BoxError = error.into();
                if is_over_limit(&*error) {
                    Self::TooLarge { limit: None }
                } else {
                    Self::Interrupted
                }
            }
        }
    }
}

/// Whether a layer further out has limited the body, as tower-http's `RequestBodyLimitLayer` does.
fn is_over_limit(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        // The source of an I/O error is that of the error within.
        let within = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        cause.is::<LengthLimitError>() || within.is_some_and(|error| is_over_limit(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No limit and no deadline panics, whatever it is.
    #[cfg(feature = "tokio")]
    #[tokio::test(start_paused = true)]
    async fn b3_b4_the_ends_of_the_settings_mean_what_they_say() {
        use std::{convert::Infallible, time::Duration};

        use tower::{ServiceExt as _, service_fn};

        const UPDATE: &str = r#"{"update_id":1,"poll":{}}"#;
        let status = async |layer: UpdateLayer, body: &str| {
            let inner = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
            let request = Request::post("/").header("content-type", "application/json");
            let request = request.body(body.to_owned()).unwrap();
            let answer = layer.layer(inner).oneshot(request).await.unwrap();
            answer.status().as_u16()
        };
        for timeout in [Duration::ZERO, Duration::MAX] {
            let layer = UpdateLayer::new().read_timeout(timeout);
            assert_eq!(status(layer.max_bytes(usize::MAX), UPDATE).await, 200);
            assert_eq!(status(layer.max_bytes(0), UPDATE).await, 413);
            assert_eq!(status(layer.max_bytes(0), "").await, 400);
        }
    }

    fn check(method: &str, headers: &[(&str, &str)], body: &str) -> Result<(), Rejection> {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).unwrap();
        UpdateLayer::new().max_bytes(10).check(&request)
    }

    #[test]
    fn b1_b2_b3_method_type_encoding_and_length_are_checked_before_reading() {
        const JSON: (&str, &str) = ("content-type", "application/json");
        let too_large = Rejection::TooLarge { limit: Some(10) };
        for (method, headers, body, why) in [
            ("POST", &[JSON][..], "", None),
            ("POST", &[JSON], "0123456789", None),
            ("POST", &[JSON, ("content-length", "10")], "", None),
            ("POST", &[JSON, ("content-length", "x")], "", None),
            ("POST", &[JSON, ("content-length", "1x")], "", None),
            ("POST", &[JSON, ("content-encoding", "Identity")], "", None),
            (
                "POST",
                &[("content-type", " Application/JSON ; a=b")],
                "",
                None,
            ),
            ("GET", &[JSON], "", Some(Rejection::Method)),
            ("POST", &[], "", Some(Rejection::ContentType)),
            (
                "POST",
                &[("content-type", "text/json")],
                "",
                Some(Rejection::ContentType),
            ),
            (
                "POST",
                &[("content-type", "a;application/json")],
                "",
                Some(Rejection::ContentType),
            ),
            (
                "POST",
                &[JSON, ("content-encoding", "gzip")],
                "",
                Some(Rejection::ContentEncoding),
            ),
            ("POST", &[JSON], "0123456789a", Some(too_large.clone())),
            (
                "POST",
                &[JSON, ("content-length", "11")],
                "",
                Some(too_large.clone()),
            ),
            (
                "POST",
                &[JSON, ("content-length", "99999999999999999999999")],
                "",
                Some(too_large),
            ),
        ] {
            let expected = why.map_or(Ok(()), Err);
            assert_eq!(
                check(method, headers, body),
                expected,
                "{method} {headers:?} {body}"
            );
        }
    }
}
