//! A handler's call that starts when it is first polled.

use std::{
    error::Error,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::in_flight::BoxedResponse;
use crate::webhook::{
    Failure, RawUpdate, ReplyBody,
    outcome::{error_response, failed_response},
};
use crate::{task::polled_after_completion, telemetry::update_span::AttemptNumber};

/// A call of any service, boxed because it is large and several futures pass it on.
pub(super) type BoxedCall = Pin<Box<dyn StartableCall + Send>>;

/// A call that doesn't begin before it is first polled.
pub(super) trait StartableCall: Future<Output = BoxedResponse> {
    /// Sets the number of the attempt, if it isn't the first of several. To be called before it begins.
    fn set_attempt(self: Pin<&mut Self>, attempt: AttemptNumber);
}

pin_project! {
    /// A call of the handler that starts when it is first polled, because the update must be claimed before. An
    /// error or a panic becomes a response.
    #[project = LazyCallProj]
    #[project_replace = LazyCallOwned]
    pub(super) enum LazyCall<S, F> {
        // The service was polled ready.
        NotStarted {
            service: S,
            request: Request<RawUpdate>,
        },
        Running {
            #[pin]
            future: F,
        },
        Done,
    }
}

impl<S> Future for LazyCall<S, S::Future>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = BoxedResponse;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BoxedResponse> {
        let polled = AssertUnwindSafe(|| self.poll_service(cx));
        panic::catch_unwind(polled)
            .unwrap_or_else(|panic| Poll::Ready(Box::new(failed_response(Failure::panic(&*panic)))))
    }
}

impl<S> StartableCall for LazyCall<S, S::Future>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn set_attempt(self: Pin<&mut Self>, attempt: AttemptNumber) {
        if let LazyCallProj::NotStarted { request, .. } = self.project() {
            request.extensions_mut().insert(attempt);
        }
    }
}

/// For tests: a call with this response.
#[cfg(test)]
impl StartableCall for std::future::Ready<BoxedResponse> {
    fn set_attempt(self: Pin<&mut Self>, _: AttemptNumber) {}
}

impl<S> LazyCall<S, S::Future>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// The service may panic before it returns its future.
    fn poll_service(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BoxedResponse> {
        if let Self::NotStarted { .. } = *self {
            let not_started = self.as_mut().project_replace(Self::Done);
            if let LazyCallOwned::NotStarted {
                mut service,
                request,
            } = not_started
            {
                let future = service.call(request);
                self.set(Self::Running { future });
            }
        }
        let LazyCallProj::Running { future } = self.project() else {
            polled_after_completion();
        };
        let answered = ready!(future.poll(cx));
        let response = answered.unwrap_or_else(|error| error_response(error.into()));
        Poll::Ready(Box::new(response))
    }
}
