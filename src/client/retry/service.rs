//! The service that repeats failed calls.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower::retry as tower_retry;
use tower_service::Service;

use super::policy::RetryPolicy;
use crate::client::{ApiRequest, ApiResponse, Error, into_error::MapToClientError};

/// The service of [`RetryLayer`](crate::client::RetryLayer).
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: tower_retry::Retry<RetryPolicy, MapToClientError<S>>,
}

impl<S> Retry<S> {
    pub(super) fn new(inner: tower_retry::Retry<RetryPolicy, MapToClientError<S>>) -> Self {
        Self { inner }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner.get_ref().inner
    }

    /// The inner service, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner.get_mut().inner
    }

    /// Unwraps the inner service.
    pub fn into_inner(self) -> S {
        self.inner.into_inner().inner
    }
}

impl<S> Service<ApiRequest> for Retry<S>
where
    S: Service<ApiRequest, Response = ApiResponse> + Clone,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: ApiRequest) -> ResponseFuture<S> {
        ResponseFuture {
            future: self.inner.call(call),
        }
    }
}

type TowerFuture<S> =
    tower_retry::future::ResponseFuture<RetryPolicy, MapToClientError<S>, ApiRequest>;

pin_project! {
    /// The response future of [`Retry`].
    pub struct ResponseFuture<S>
    where
        S: Service<ApiRequest, Response = ApiResponse>,
        S::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        #[pin]
        future: TowerFuture<S>,
    }
}

impl<S> fmt::Debug for ResponseFuture<S>
where
    S: Service<ApiRequest, Response = ApiResponse>,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<ApiRequest, Response = ApiResponse> + Clone,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Output = Result<ApiResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}
