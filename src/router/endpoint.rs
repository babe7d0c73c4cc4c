//! Routes: handlers with their state and the layers around them.

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use tower::{BoxError, ServiceExt as _};
use tower_service::Service;

use super::{
    function::{Handler, reply},
    route_future::RouteFuture,
};
use crate::{IntoReply, types::Update};

/// A handler with its state and the layers around it, which [`Router::layer`](super::Router::layer) puts a layer
/// around: a service that is always ready.
#[derive(Clone)]
pub struct Route(Arc<dyn Endpoint>);

trait Endpoint: Send + Sync {
    fn call(&self, request: Request<Update>) -> RouteFuture;
}

impl Route {
    /// A route to any service, which is polled ready in the future of its call.
    pub(super) fn of_service<S>(service: S) -> Self
    where
        S: Service<Request<Update>> + Clone + Send + Sync + 'static,
        S::Response: IntoReply,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        Self(Arc::new(ServiceEndpoint(service)))
    }

    /// Handles one update.
    pub(super) fn handle(&self, request: Request<Update>) -> RouteFuture {
        self.0.call(request)
    }
}

impl Service<Request<Update>> for Route {
    type Response = crate::Reply;
    type Error = BoxError;
    type Future = RouteFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Update>) -> RouteFuture {
        self.handle(request)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route")
    }
}

struct HandlerEndpoint<H, A, S, Via> {
    handler: H,
    state: Arc<S>,
    marker: PhantomData<fn(A, Via)>,
}

impl<H, A, S, Via> Endpoint for HandlerEndpoint<H, A, S, Via>
where
    H: Handler<A, S, Via>,
    A: 'static,
    S: Send + Sync + 'static,
    Via: 'static,
{
    fn call(&self, request: Request<Update>) -> RouteFuture {
        self.handler.clone().handle(request.into(), &self.state)
    }
}

struct ServiceEndpoint<S>(S);

impl<S> Endpoint for ServiceEndpoint<S>
where
    S: Service<Request<Update>> + Clone + Send + Sync + 'static,
    S::Response: IntoReply,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    fn call(&self, request: Request<Update>) -> RouteFuture {
        let service = self.0.clone();
        RouteFuture::new(async move {
            let response = service.oneshot(request).await.map_err(Into::into)?;
            reply(response)
        })
    }
}

/// A route that doesn't have its state yet.
pub(super) struct RouteMaker<S> {
    make: Arc<MakeRoute<S>>,
    takes_raw: bool,
}

type MakeRoute<S> = dyn Fn(&Arc<S>) -> Route + Send + Sync;

impl<S: Send + Sync + 'static> RouteMaker<S> {
    pub(super) fn of_handler<H, A, Via>(handler: H) -> Self
    where
        H: Handler<A, S, Via>,
        A: 'static,
        Via: 'static,
    {
        let make = move |state: &Arc<S>| {
            Route(Arc::new(HandlerEndpoint {
                handler: handler.clone(),
                state: Arc::clone(state),
                marker: PhantomData,
            }))
        };
        Self {
            make: Arc::new(make),
            takes_raw: H::TAKES_RAW,
        }
    }

    /// Whether the handler takes the raw update.
    pub(super) fn takes_raw(&self) -> bool {
        self.takes_raw
    }

    pub(super) fn make(&self, state: &Arc<S>) -> Route {
        (self.make)(state)
    }

    pub(super) fn map(&self, change: impl Fn(Route) -> Route + Send + Sync + 'static) -> Self {
        let make = Arc::clone(&self.make);
        Self {
            make: Arc::new(move |state| change(make(state))),
            takes_raw: self.takes_raw,
        }
    }

    /// The route with its state, for a router whose own state is of any type.
    pub(super) fn with_state<T>(&self, state: &Arc<S>) -> RouteMaker<T> {
        let route = self.make(state);
        RouteMaker {
            make: Arc::new(move |_| route.clone()),
            takes_raw: self.takes_raw,
        }
    }
}

impl<S> Clone for RouteMaker<S> {
    fn clone(&self) -> Self {
        Self {
            make: Arc::clone(&self.make),
            takes_raw: self.takes_raw,
        }
    }
}
