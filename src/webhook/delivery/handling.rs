//! The handler at work.

use std::{
    error::Error,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::flights::Answer;
use crate::webhook::{Failure, RawUpdate, ReplyBody};

/// A handler that is set to work when it is first polled, as it isn't known before whether the update
/// is ours to handle. A panic is its failure. It isn't polled again once it is done.
pub(super) struct Handling<S, F> {
    // The service was polled ready.
    waiting: Option<(S, Request<RawUpdate>)>,
    /// Boxed, as handlers are large, and this is moved.
    future: Option<Pin<Box<F>>>,
}

/// Nothing in it is pinned but what is boxed.
impl<S, F> Unpin for Handling<S, F> {}

impl<S, F> Handling<S, F> {
    #[inline]
    pub(super) fn new(service: S, request: Request<RawUpdate>) -> Self {
        Self {
            waiting: Some((service, request)),
            future: None,
        }
    }
}

impl<S> Future for Handling<S, S::Future>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Answer, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = panic::catch_unwind(AssertUnwindSafe(|| self.poll_service(cx)));
        if !matches!(polled, Ok(Poll::Pending)) {
            // What it holds is let go of before it is noted as done.
            self.future = None;
        }
        match polled {
            Ok(polled) => polled.map(|done| match done {
                Ok(answer) => Ok(Box::new(answer)),
                Err(error) => Err(Failure::error(error.into())),
            }),
            Err(panic) => Poll::Ready(Err(Failure::panic(&*panic))),
        }
    }
}

impl<S: Service<Request<RawUpdate>>> Handling<S, S::Future> {
    /// The service may panic before it returns its future.
    fn poll_service(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Response, S::Error>> {
        if let Some((mut service, request)) = self.waiting.take() {
            self.future = Some(Box::pin(service.call(request)));
        }
        match &mut self.future {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
