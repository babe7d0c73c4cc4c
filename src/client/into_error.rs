//! What is under a layer, with its errors as ours.

use std::{
    error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{ApiRequest, ApiResponse, Error};

/// A service whose errors become ours. Tower's `MapErr` would want the closure's type named.
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
        self.inner.poll_ready(cx).map_err(ours)
    }

    fn call(&mut self, call: ApiRequest) -> Self::Future {
        IntoErrorFuture {
            future: self.inner.call(call),
        }
    }
}

fn ours(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Error {
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_err(ours)
    }
}
