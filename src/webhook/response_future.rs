//! The response future of the layers that either let a request on or answer it themselves.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use super::{Rejection, rejection::empty_response};

pin_project! {
    /// The response future of the layers that decide by what they have in hand: the inner
    /// service's answer, or the layer's own.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        Forwarded { #[pin] future: F },
        // Nothing means 200: done with, with no body.
        Answered { why: Option<Rejection> },
    }
}

impl<F> ResponseFuture<F> {
    /// The inner service's answer.
    pub(super) fn forward(future: F) -> Self {
        Self {
            state: State::Forwarded { future },
        }
    }

    /// The layer's own: turned away, or done with where there is nothing to complain of.
    pub(super) fn answer(why: impl Into<Option<Rejection>>) -> Self {
        Self {
            state: State::Answered { why: why.into() },
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Forwarded { future } => future.poll(cx),
            StateProj::Answered { why } => Poll::Ready(Ok(match why.take() {
                Some(why) => why.into_response(),
                None => empty_response(),
            })),
        }
    }
}
