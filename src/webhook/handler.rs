//! A function as a handler.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Request;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::HandlerOutput;

/// Makes a function of an update a handler service.
///
/// The function takes what [`ParseLayer`](super::ParseLayer) reads and returns an [`IntoReply`](crate::IntoReply), or
/// a `Result` of one. For the rest of the request, write a `Service<http::Request<U>>`, with
/// `tower::service_fn` for example.
///
/// ```
/// use tower_telegram::{handler_fn, methods::SendMessage, types::Update};
///
/// let echo = handler_fn(async |update: Update| {
///     let message = update.new_message()?;
///     let text = message.text.as_deref()?;
///     Some(SendMessage::new(message.chat.id, text))
/// });
/// # fn is_a_service<S: tower::Service<http::Request<Update>>>(_: S) {}
/// # is_a_service(echo);
/// ```
pub fn handler_fn<F, U, Fut>(function: F) -> HandlerFn<F, U>
where
    F: FnMut(U) -> Fut,
    Fut: Future,
    Fut::Output: HandlerOutput,
{
    HandlerFn {
        function,
        takes: PhantomData,
    }
}

/// The service of [`handler_fn`]: a `Service<http::Request<U>>`.
pub struct HandlerFn<F, U> {
    function: F,
    takes: PhantomData<fn(U)>,
}

impl<F: Clone, U> Clone for HandlerFn<F, U> {
    fn clone(&self) -> Self {
        Self {
            function: self.function.clone(),
            takes: PhantomData,
        }
    }
}

impl<F: Copy, U> Copy for HandlerFn<F, U> {}

impl<F, U> fmt::Debug for HandlerFn<F, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerFn({})", std::any::type_name::<F>())
    }
}

impl<F, U, Fut> Service<Request<U>> for HandlerFn<F, U>
where
    F: FnMut(U) -> Fut,
    Fut: Future,
    Fut::Output: HandlerOutput,
{
    type Response = <Fut::Output as HandlerOutput>::Reply;
    type Error = <Fut::Output as HandlerOutput>::Error;
    type Future = HandlerFuture<Fut>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<U>) -> Self::Future {
        HandlerFuture {
            future: (self.function)(request.into_body()),
        }
    }
}

pin_project! {
    /// The response future of [`HandlerFn`].
    #[derive(Debug)]
    pub struct HandlerFuture<Fut> {
        #[pin]
        future: Fut,
    }
}

impl<Fut> Future for HandlerFuture<Fut>
where
    Fut: Future,
    Fut::Output: HandlerOutput,
{
    type Output =
        Result<<Fut::Output as HandlerOutput>::Reply, <Fut::Output as HandlerOutput>::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(self.project().future.poll(cx)).into_result())
    }
}
