//! The type-erased service of a client.

use std::{
    error, fmt,
    future::{Future, ready},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tower::ServiceExt as _;
use tower_service::Service;

use super::{ApiRequest, ApiResponse, Error, into_error::to_client_error};

/// Like tower's `BoxCloneSyncService`. Additionally it makes a call through `&self` without boxing a clone of the
/// service first, because that is how nearly all calls are made.
pub(super) struct ErasedService(Box<dyn Erased>);

impl ErasedService {
    pub(super) fn new<S>(service: S) -> Self
    where
        S: Service<ApiRequest, Response = ApiResponse> + Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn error::Error + Send + Sync>>,
        S::Future: Send + 'static,
    {
        Self(Box::new(service))
    }

    /// Makes a call with a clone of the service, once that is ready.
    pub(super) fn call_once(&self, call: ApiRequest) -> CallFuture {
        self.0.call_once(call)
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    pub(super) fn call(&mut self, call: ApiRequest) -> CallFuture {
        self.0.call(call)
    }
}

impl Clone for ErasedService {
    fn clone(&self) -> Self {
        self.0.clone_box()
    }
}

trait Erased: Send + Sync {
    fn clone_box(&self) -> ErasedService;
    fn call_once(&self, call: ApiRequest) -> CallFuture;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;
    fn call(&mut self, call: ApiRequest) -> CallFuture;
}

impl<S> Erased for S
where
    S: Service<ApiRequest, Response = ApiResponse> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
    S::Future: Send + 'static,
{
    fn clone_box(&self) -> ErasedService {
        ErasedService(Box::new(self.clone()))
    }

    fn call_once(&self, call: ApiRequest) -> CallFuture {
        let mut service = self.clone();
        // Nearly every service is ready at once. Then the box has the call's future alone, and the call isn't moved
        // into a future that waits for the service. One that isn't ready is polled again by that future.
        match Service::poll_ready(&mut service, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => CallFuture(Box::pin(Service::call(&mut service, call))),
            Poll::Ready(Err(error)) => CallFuture(Box::pin(ready(Err(to_client_error(error))))),
            Poll::Pending => CallFuture(Box::pin(service.oneshot(call))),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Service::poll_ready(self, cx).map_err(to_client_error)
    }

    fn call(&mut self, call: ApiRequest) -> CallFuture {
        CallFuture(Box::pin(Service::call(self, call)))
    }
}

/// The response future of a [`Client`](super::Client).
pub struct CallFuture(Pin<Box<dyn ErasedFuture>>);

impl Future for CallFuture {
    type Output = Result<ApiResponse, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll_call(cx)
    }
}

impl fmt::Debug for CallFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFuture").finish_non_exhaustive()
    }
}

/// The future of a call, with an error of any type. The error is converted here, and not by a future around this one, because
/// the call's future would be moved into that one before it is boxed.
trait ErasedFuture: Send {
    fn poll_call(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ApiResponse, Error>>;
}

impl<F, E> ErasedFuture for F
where
    F: Future<Output = Result<ApiResponse, E>> + Send,
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    fn poll_call(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ApiResponse, Error>> {
        self.poll(cx).map_err(to_client_error)
    }
}
