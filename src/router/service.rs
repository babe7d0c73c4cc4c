//! The router as a service.

use std::task::{Context, Poll};

use http::Request;
use tower::BoxError;
use tower_service::Service;

use super::{route_future::RouteFuture, routes::Router};
use crate::{Reply, types::Update};

impl Service<Request<Update>> for Router {
    type Response = Reply;
    type Error = BoxError;
    type Future = RouteFuture;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Update>) -> RouteFuture {
        match self.table().find(request.body()) {
            Some(route) => route.handle(request),
            None => RouteFuture::nothing(),
        }
    }
}
