//! Encodes the handler's reply, and leaves its errors to the layer above.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{ReplyBody, state::ReplyState};
use crate::{IntoReply, webhook::missing_layer::Handles};

/// Encodes the handler's reply, and passes errors and panics on: [`ReplyLayer::pass_errors`](super::ReplyLayer::pass_errors).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FallibleReplyLayer {}

impl<S> Layer<S> for FallibleReplyLayer {
    type Service = FallibleReply<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FallibleReply { inner }
    }
}

/// The service of [`FallibleReplyLayer`].
#[derive(Clone, Debug)]
pub struct FallibleReply<S> {
    inner: S,
}

impl<S> FallibleReply<S> {
    inner_accessors!();
}

impl<S, T> Service<Request<T>> for FallibleReply<S>
where
    S: Handles<T>,
    S::Response: IntoReply,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = FallibleReplyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<T>) -> Self::Future {
        let future = self.inner.call(request);
        FallibleReplyFuture {
            state: ReplyState::Handling { future },
        }
    }
}

pin_project! {
    /// The response future of [`FallibleReply`].
    pub struct FallibleReplyFuture<F> {
        #[pin]
        state: ReplyState<F>,
    }
}

impl<F> fmt::Debug for FallibleReplyFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallibleReplyFuture")
            .finish_non_exhaustive()
    }
}

impl<F, R, E> Future for FallibleReplyFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
{
    type Output = Result<Response<ReplyBody>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().state.poll(cx)
    }
}
