//! The response future of a router.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tower::BoxError;

use crate::{Reply, task::polled_after_completion};

type BoxedFuture = Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

/// The response future of a [`Router`](super::Router).
pub struct RouteFuture(Option<BoxedFuture>);

impl RouteFuture {
    pub(super) fn new(
        future: impl Future<Output = Result<Reply, BoxError>> + Send + 'static,
    ) -> Self {
        Self(Some(Box::pin(future)))
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

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.0 else {
            polled_after_completion();
        };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}
