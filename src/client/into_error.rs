//! An adapter that converts the errors of a service to [`Error`].

use std::{
    error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{ApiRequest, ApiResponse, Error};

/// Converts the errors of the inner service to [`Error`]. The type of tower's `MapErr` would contain that of a
/// closure, which can't be named.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapToClientError<S> {
    pub(super) inner: S,
}

impl<S> Service<ApiRequest> for MapToClientError<S>
where
    S: Service<ApiRequest, Response = ApiResponse>,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = IntoErrorFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(to_client_error)
    }

    // Inlined, so that the future is made in its place and not moved.
    #[inline]
    fn call(&mut self, call: ApiRequest) -> Self::Future {
        IntoErrorFuture {
            future: self.inner.call(call),
        }
    }
}

pub(super) fn to_client_error(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Error {
    Error::from(error.into())
}

pin_project! {
    #[derive(Debug)]
    pub(super) struct IntoErrorFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, E> Future for IntoErrorFuture<F>
where
    F: Future<Output = Result<ApiResponse, E>>,
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Output = Result<ApiResponse, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_err(to_client_error)
    }
}
