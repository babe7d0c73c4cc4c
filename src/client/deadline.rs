//! The service of a client with a deadline.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{ApiRequest, ApiResponse, Error};
use crate::task::Deadline;

/// Inserts the deadline into the extensions of each call, and makes none after it.
#[derive(Clone, Debug)]
pub(super) struct WithDeadline<S> {
    pub(super) inner: S,
    pub(super) deadline: Deadline,
}

type DeadlineFuture = Pin<Box<dyn Future<Output = Result<ApiResponse, Error>> + Send>>;

impl<S> Service<ApiRequest> for WithDeadline<S>
where
    S: Service<ApiRequest, Response = ApiResponse, Error = Error>,
    S::Future: Send + 'static,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = DeadlineFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: ApiRequest) -> Self::Future {
        if self.deadline.remaining().is_zero() {
            let error = Error::deadline_exceeded().with_method(call.method_name());
            return Box::pin(std::future::ready(Err(error)));
        }
        call.extensions_mut().insert(self.deadline);
        Box::pin(self.inner.call(call))
    }
}
