//! Encoding of the handler's reply as the HTTP response to Telegram.
//!
//! 1. No reply: 200 with no body, for which the server writes `Content-Length: 0`.
//! 2. A method: 200, `application/json`, one object.
//! 3. A method with files: 200, `multipart/form-data`.
//! 4. A reply with over [1 MiB](crate::Reply::MAX_ARGUMENTS) of arguments can never be sent, neither here nor by a
//!    call: 500, with a [`Rejection`](super::Rejection) after which a `DeliveryLayer` abandons the update at once.
//! 5. A file that can't be read: 500.
//! 6. An error or a panic of the handler: 500, so that Telegram sends the update again. Both are logged, with
//!    the update's number, by the `DeliveryLayer` above, or without one by the
//!    [`UpdateLayer`](super::UpdateLayer). With [`pass_errors`](ReplyLayer::pass_errors) they are the
//!    service's own error and panic, for a layer above.
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
//!     .layer(ReplyLayer::new())
//!     .service(handler_fn(async |text: &'static str| match text {
//!         "" => Err("nothing to echo"),
//!         text => Ok(SendMessage::new(42, text)),
//!     }));
//!
//! let response = service.clone().oneshot(Request::new("hi")).await?;
//! assert_eq!(response.headers()["content-type"], "application/json");
//!
//! let failed = service.oneshot(Request::new("")).await?;
//! assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! # Ok(())
//! # }
//! ```

mod body;
mod fallible;
mod state;

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use self::state::ReplyState;
pub use self::{
    body::ReplyBody,
    fallible::{FallibleReply, FallibleReplyFuture, FallibleReplyLayer},
};
use super::{
    Failure,
    missing_layer::Handles,
    outcome::{error_response, failed_response, failure},
};
use crate::{IntoReply, task::polled_after_completion};

/// Encodes the handler's reply. See the [module](self).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReplyLayer {}

impl ReplyLayer {
    /// Encodes replies, and responds to errors and panics with 500: the service's error is [`Infallible`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes errors and panics on to the layer above.
    ///
    /// ```
    /// use http::Request;
    /// use tower::{ServiceBuilder, ServiceExt as _};
    /// use tower_telegram::{handler_fn, webhook::ReplyLayer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let service = ServiceBuilder::new()
    ///     .layer(ReplyLayer::new().pass_errors())
    ///     .service(handler_fn(async |_: ()| Err::<(), _>("no")));
    /// assert_eq!(service.oneshot(Request::new(())).await.unwrap_err(), "no");
    /// # }
    /// ```
    pub fn pass_errors(self) -> FallibleReplyLayer {
        FallibleReplyLayer {}
    }
}

impl<S> Layer<S> for ReplyLayer {
    type Service = ReplyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ReplyService {
            inner,
            broken: None,
        }
    }
}

/// The service of [`ReplyLayer`].
#[derive(Clone, Debug)]
pub struct ReplyService<S> {
    inner: S,
    /// Why the inner service won't become ready again. In a box, because each connection has a copy of this service.
    broken: Option<Box<Failure>>,
}

impl<S> ReplyService<S> {
    inner_accessors!();
}

impl<S, T> Service<Request<T>> for ReplyService<S>
where
    S: Handles<T>,
    S::Response: IntoReply,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future>;

    /// An inner service that won't become ready again is an error like any other: it is the response to the next
    /// request, for which the inner service isn't called.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let ready = ready!(self.inner.poll_ready(cx));
        self.broken = ready.err().map(|error| Box::new(failure(error.into())));
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<T>) -> Self::Future {
        if let Some(failure) = self.broken.take() {
            let failure = Some(*failure);
            return ResponseFuture::new(ReplyState::Failed { failure });
        }
        // A panicking handler must not take the connection with it, on which more updates wait.
        let call = panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        let state = match call {
            Ok(future) => ReplyState::Handling { future },
            Err(panic) => {
                let failure = Some(Failure::panic(&*panic));
                ReplyState::Failed { failure }
            }
        };
        ResponseFuture::new(state)
    }
}

pin_project! {
    /// The response future of [`ReplyService`].
    pub struct ResponseFuture<F> {
        #[pin]
        state: ReplyState<F>,
        // Polled again, a handler's panic would be caught and be another response.
        has_ended: bool,
    }
}

impl<F> ResponseFuture<F> {
    fn new(state: ReplyState<F>) -> Self {
        Self {
            state,
            has_ended: false,
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Response<ReplyBody>, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if *this.has_ended {
            polled_after_completion();
        }
        let mut state = this.state;
        // Encoding runs the handler's code too, where its type serializes in its own way.
        let polled = panic::catch_unwind(AssertUnwindSafe(|| state.as_mut().poll(cx)));
        let response = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Ready(Err(error))) => error_response(error.into()),
            Err(panic) => {
                state.set(ReplyState::Failed { failure: None });
                failed_response(Failure::panic(&*panic))
            }
        };
        *this.has_ended = true;
        Poll::Ready(Ok(response))
    }
}
