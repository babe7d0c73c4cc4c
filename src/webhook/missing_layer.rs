//! Bounds whose compiler messages name the missing layer, where a stack doesn't compile without it.
//!
//! Every service and every response meets them. They are there for their messages alone: a bound on `Service` or
//! `http::Response` itself would explain the error in the compiler's words.

use std::{
    future::Future,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

/// A service of `http::Request<U>`, below a layer that encodes what it returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` doesn't handle `http::Request<{U}>`: `ParseLayer` is missing, or a router's `with_state`",
    label = "this handler doesn't take a `{U}`",
    note = "`ParseLayer` reads a `RawUpdate` as the type that the handler takes: add `.parse::<Update>()` or `.layer(ParseLayer::<Update>::new())` above `ReplyLayer`",
    note = "a `Router` handles updates once its handlers have their state: `.with_state(…)`"
)]
pub trait Handles<U> {
    /// As the service's.
    type Response;
    /// As the service's.
    type Error;
    /// As the service's.
    type Future: Future<Output = Result<Self::Response, Self::Error>>;

    /// As the service's.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// As the service's.
    fn call(&mut self, request: Request<U>) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<S, U> Handles<U> for S
where
    S: Service<Request<U>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Service::poll_ready(self, cx)
    }

    fn call(&mut self, request: Request<U>) -> S::Future {
        Service::call(self, request)
    }
}

/// The response of a service below [`ParseLayer`](super::ParseLayer): an `http::Response`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `http::Response`: `ReplyLayer` is missing",
    label = "this handler returns a `{Self}`",
    note = "`ReplyLayer` makes a response of what the handler returns: add `.reply()` or `.layer(ReplyLayer::new())` as the last layer, below `ParseLayer`"
)]
pub trait EncodedReply {
    /// The response's body.
    type Body;

    /// The response.
    fn into_response(self) -> Response<Self::Body>;
}

#[diagnostic::do_not_recommend]
impl<R> EncodedReply for Response<R> {
    type Body = R;

    fn into_response(self) -> Self {
        self
    }
}
