//! The handler at work.

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

use super::in_flight::Answer;
use crate::webhook::{Failure, RawUpdate, ReplyBody};

/// A handler of any service, boxed: it is large, and passes some hands.
pub(super) type AnyHandling = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

pin_project! {
    /// A handler that is set to work when it is first polled, as it isn't known before whether the
    /// update is ours to handle. A panic is its failure. It isn't polled again once it is done.
    #[project = HandlingProj]
    #[project_replace = HandlingOwned]
    pub(super) enum Handling<S, F> {
        // The service was polled ready.
        Waiting {
            service: S,
            request: Request<RawUpdate>,
        },
        Running {
            #[pin]
            future: F,
        },
        Called,
    }
}

impl<S> Future for Handling<S, S::Future>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Answer, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = AssertUnwindSafe(|| self.poll_service(cx));
        panic::catch_unwind(polled)
            .unwrap_or_else(|panic| Poll::Ready(Err(Failure::panic(&*panic))))
    }
}

impl<S> Handling<S, S::Future>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// The service may panic before it returns its future.
    fn poll_service(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Failure>> {
        if let Self::Waiting { .. } = *self {
            let waiting = self.as_mut().project_replace(Self::Called);
            if let HandlingOwned::Waiting {
                mut service,
                request,
            } = waiting
            {
                let future = service.call(request);
                self.set(Self::Running { future });
            }
        }
        let HandlingProj::Running { future } = self.project() else {
            return Poll::Pending;
        };
        Poll::Ready(match ready!(future.poll(cx)) {
            Ok(answer) => Ok(Box::new(answer)),
            Err(error) => Err(Failure::error(error.into())),
        })
    }
}
