//! The liveness probe.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode};
use tower_service::Service;

use super::response::response;
use crate::body::bytes::BytesBody;

/// Answers 200 with `ok` to any request: a `Service<http::Request<B>>` for any body `B`, whose error is
/// [`Infallible`].
///
/// It checks nothing on purpose. A restart repairs no database, and a process that drains must not be restarted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Livez;

impl<B> Service<Request<B>> for Livez {
    type Response = Response<BytesBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<BytesBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(response(StatusCode::OK, "ok\n")))
    }
}
