//! The response future of a router.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tower::BoxError;

use crate::Reply;

/// The response future of a [`Router`](super::Router).
pub struct RouteFuture(Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>);

impl RouteFuture {
    pub(super) fn new(
        future: impl Future<Output = Result<Reply, BoxError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(future))
    }

    /// For an update that no route matches.
    pub(super) fn nothing() -> Self {
        Self::new(std::future::ready(Ok(Reply::nothing())))
    }
}

impl fmt::Debug for RouteFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouteFuture")
    }
}

impl Future for RouteFuture {
    type Output = Result<Reply, BoxError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}
