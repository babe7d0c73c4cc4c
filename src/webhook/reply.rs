//! Encodes what the handler returns as the answer to Telegram.
//!
//! 1. Nothing: 200, `Content-Length: 0`.
//! 2. A method: 200, `application/json`, one object.
//! 3. A method with files: 200, `multipart/form-data`.
//! 4. A reply that Telegram wouldn't read, as its arguments are over 1 MiB: 500.
//! 5. An error of the handler passes through; or, with
//!    [`errors_as_responses`](ReplyLayer::errors_as_responses), becomes 500, so that Telegram sends
//!    the update again. A panic, then, too.
//!
//! # Example
//!
//! ```
//! use http::{Request, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_telegram::{handler_fn, methods::SendMessage, webhook::ReplyLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(ReplyLayer::new().errors_as_responses())
//!     .service(handler_fn(async |text: &'static str| match text {
//!         "" => Err("nothing to echo"),
//!         text => Ok(SendMessage::new(42, text)),
//!     }));
//!
//! let answer = service.clone().oneshot(Request::new("hi")).await?;
//! assert_eq!(answer.headers()["content-type"], "application/json");
//!
//! let failed = service.oneshot(Request::new("")).await?;
//! assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! # Ok(())
//! # }
//! ```

use std::{
    any::Any,
    convert::Infallible,
    error::Error,
    future::Future,
    marker::PhantomData,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{Rejection, ReplyBody};
use crate::{IntoReply, ReplyError};

/// Encodes what the handler returns. See the [module](self).
///
/// `E` says what becomes of an error: it passes ([`PassErrors`]), or is answered
/// ([`ErrorsAsResponses`]).
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyLayer<E = PassErrors> {
    errors: PhantomData<fn() -> E>,
}

/// Errors of the inner service are the outer service's too.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct PassErrors;

/// Errors and panics of the inner service are answered with 500.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ErrorsAsResponses;

impl ReplyLayer {
    /// Encodes replies, and passes errors on.
    pub fn new() -> Self {
        Self {
            errors: PhantomData,
        }
    }

    /// Answers errors and panics with 500, so that the service has no error left.
    pub fn errors_as_responses(self) -> ReplyLayer<ErrorsAsResponses> {
        ReplyLayer {
            errors: PhantomData,
        }
    }
}

impl<S, E> Layer<S> for ReplyLayer<E> {
    type Service = EncodeReply<S, E>;

    fn layer(&self, inner: S) -> Self::Service {
        EncodeReply {
            inner,
            broken: false,
            errors: self.errors,
        }
    }
}

/// The service of [`ReplyLayer`].
#[derive(Clone, Copy, Debug)]
pub struct EncodeReply<S, E = PassErrors> {
    inner: S,
    /// It won't get ready again.
    broken: bool,
    errors: PhantomData<fn() -> E>,
}

/// The answer to what the handler returned.
fn encode<R: IntoReply>(reply: R) -> Response<ReplyBody> {
    let response = reply
        .into_reply()
        .and_then(|reply| ReplyBody::respond(&reply));
    response.unwrap_or_else(|error: ReplyError| {
        tracing::error!(%error, "a reply can't be sent as an answer");
        Rejection::Reply(error).into_response()
    })
}

impl<S, T> Service<Request<T>> for EncodeReply<S, PassErrors>
where
    S: Service<Request<T>>,
    S::Response: IntoReply,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<T>) -> Self::Future {
        ResponseFuture {
            future: self.inner.call(request),
        }
    }
}

pin_project! {
    /// The response future of [`EncodeReply`] that passes errors.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
{
    type Output = Result<Response<ReplyBody>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(self.project().future.poll(cx)).map(encode))
    }
}

impl<S, T> Service<Request<T>> for EncodeReply<S, ErrorsAsResponses>
where
    S: Service<Request<T>>,
    S::Response: IntoReply,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = AnsweredFuture<S::Future>;

    /// An inner service that won't get ready again is an error like any other: the next request is
    /// answered with it, and the inner service, which isn't ready, isn't called.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let ready = ready!(self.inner.poll_ready(cx));
        self.broken = ready.is_err();
        ready.unwrap_or_else(|error| log(&*error.into()));
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<T>) -> Self::Future {
        if self.broken {
            return AnsweredFuture { future: None };
        }
        // A panicking handler must not take the connection with it, on which more updates wait.
        let call = panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        AnsweredFuture {
            future: call.map_err(|panic| log_panic(&*panic)).ok(),
        }
    }
}

pin_project! {
    /// The response future of [`EncodeReply`] that answers errors.
    #[derive(Debug)]
    pub struct AnsweredFuture<F> {
        #[pin]
        future: Option<F>,
    }
}

impl<F, R, E> Future for AnsweredFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut future = self.project().future;
        let Some(running) = future.as_mut().as_pin_mut() else {
            return Poll::Ready(Ok(Rejection::Failed.into_response()));
        };
        // Encoding runs the handler's code too, where its type serializes in its own way.
        let polled = panic::catch_unwind(AssertUnwindSafe(|| {
            running.poll(cx).map(|done| done.map(encode))
        }));
        let response = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Ready(Err(error))) => {
                log(&*error.into());
                Rejection::Failed.into_response()
            }
            Err(panic) => {
                log_panic(&*panic);
                future.set(None);
                Rejection::Failed.into_response()
            }
        };
        Poll::Ready(Ok(response))
    }
}

fn log(error: &(dyn Error + Send + Sync)) {
    tracing::error!(%error, "the handler failed");
}

fn log_panic(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("not a text"), "the handler panicked");
}
