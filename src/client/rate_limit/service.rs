//! The service that delays calls.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tower::ServiceExt as _;
use tower_service::Service;

use super::{call::CountedCall, limiter::Limiter};
use crate::client::{ApiRequest, ApiResponse, Error, into_error::MapToClientError};

/// The service of [`RateLimitLayer`](crate::client::RateLimitLayer).
#[derive(Clone)]
pub struct RateLimit<S> {
    inner: MapToClientError<S>,
    limiter: Arc<Limiter>,
}

impl<S> RateLimit<S> {
    inner_accessors!(inner.inner);

    pub(super) fn new(inner: S, limiter: Arc<Limiter>) -> Self {
        Self {
            inner: MapToClientError { inner },
            limiter,
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for RateLimit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("inner", &self.inner.inner)
            .finish_non_exhaustive()
    }
}

impl<S> Service<ApiRequest> for RateLimit<S>
where
    S: Service<ApiRequest, Response = ApiResponse> + Clone + Send + 'static,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
    S::Future: Send,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture;

    /// Always ready. The inner service is polled for readiness when the call's turn has come: a permit that it gave now
    /// would be held while the call waits.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: ApiRequest) -> ResponseFuture {
        let inner = self.inner.clone();
        let future: LimitedCall = match CountedCall::of(&call) {
            Some(counted) => {
                let limiter = self.limiter.clone();
                Box::pin(async move { limiter.call(inner, call, counted).await })
            }
            None => Box::pin(inner.oneshot(call)),
        };
        ResponseFuture { future }
    }
}

type LimitedCall = Pin<Box<dyn Future<Output = Result<ApiResponse, Error>> + Send>>;

/// The response future of [`RateLimit`].
pub struct ResponseFuture {
    future: LimitedCall,
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl Future for ResponseFuture {
    type Output = Result<ApiResponse, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}
