//! The response future of the layers that either pass a request on or respond themselves.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use super::{Rejection, missing_layer::EncodedReply, rejection::empty_response};
use crate::task::polled_after_completion;

pin_project! {
    /// The response future of the layers that decide before they call the inner service: its response, or the
    /// layer's own.
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
        Inner { #[pin] future: F },
        // `None` means 200 with no body.
        Early { why: Option<Rejection> },
        Done,
    }
}

impl<F> ResponseFuture<F> {
    /// The inner service's response.
    pub(super) fn inner(future: F) -> Self {
        Self {
            state: State::Inner { future },
        }
    }

    /// The layer's own response: a rejection, or 200 for `None`.
    pub(super) fn early(why: impl Into<Option<Rejection>>) -> Self {
        Self {
            state: State::Early { why: why.into() },
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: EncodedReply<Body: Default>,
{
    type Output = Result<Response<R::Body>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let why = match state.as_mut().project() {
            StateProj::Inner { future } => {
                return future.poll(cx).map_ok(EncodedReply::into_response);
            }
            StateProj::Early { why } => why.take(),
            StateProj::Done => polled_after_completion(),
        };
        state.set(State::Done);
        Poll::Ready(Ok(match why {
            Some(why) => {
                why.log(None, None);
                why.into_response()
            }
            None => empty_response(),
        }))
    }
}
