//! The response future of [`DeliveryService`](super::DeliveryService).

use std::{
    fmt,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::Response;
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    in_flight::BoxedResponse,
    running_update::{DeliveryState, RunningUpdate, reject},
    store::DeliveryKey,
};
use crate::{
    task::polled_after_completion,
    webhook::{Rejection, ReplyBody},
};

/// The response future of [`DeliveryService`](super::DeliveryService). The handler runs in that of the first
/// request; dropped before it is done, the handler goes on, on a task of its own.
pub struct ResponseFuture<E> {
    state: State<E>,
    key: DeliveryKey,
    delivery: Arc<DeliveryState>,
    /// Where the handler goes on without the request. This may be dropped outside a runtime.
    runtime: Handle,
}

type Bypassed<E> = Pin<Box<dyn Future<Output = Result<Response<ReplyBody>, E>> + Send>>;

enum State<E> {
    /// The first request, with the handler.
    First {
        update: RunningUpdate,
        /// Whether the handler goes on without the request.
        goes_on: bool,
    },
    /// A request that arrived while the handler ran.
    Joined(oneshot::Receiver<BoxedResponse>),
    Rejected(BoxedResponse),
    /// An update from a queue, which this layer passes through.
    Bypassed(Bypassed<E>),
    Done,
}

impl<E> ResponseFuture<E> {
    fn new(state: State<E>, key: DeliveryKey, delivery: &Arc<DeliveryState>) -> Self {
        Self {
            state,
            key,
            delivery: Arc::clone(delivery),
            runtime: Handle::current(),
        }
    }

    pub(super) fn first(
        update: RunningUpdate,
        goes_on: bool,
        key: DeliveryKey,
        delivery: &Arc<DeliveryState>,
    ) -> Self {
        Self::new(State::First { update, goes_on }, key, delivery)
    }

    pub(super) fn joined(
        answer: oneshot::Receiver<BoxedResponse>,
        key: DeliveryKey,
        delivery: &Arc<DeliveryState>,
    ) -> Self {
        Self::new(State::Joined(answer), key, delivery)
    }

    pub(super) fn bypassed(
        call: Bypassed<E>,
        key: DeliveryKey,
        delivery: &Arc<DeliveryState>,
    ) -> Self {
        Self::new(State::Bypassed(call), key, delivery)
    }

    pub(super) fn rejected(
        why: Rejection,
        key: DeliveryKey,
        delivery: &Arc<DeliveryState>,
    ) -> Self {
        let answer = reject(why, Duration::from_secs(1));
        Self::new(State::Rejected(answer), key, delivery)
    }
}

/// A store that panics must not take the connection with it. The handler's own panics don't come here.
fn poll_caught(update: &mut RunningUpdate, cx: &mut Context<'_>) -> Poll<Option<BoxedResponse>> {
    let polled = AssertUnwindSafe(|| update.as_mut().poll(cx));
    panic::catch_unwind(polled).unwrap_or(Poll::Ready(None))
}

impl<E> Future for ResponseFuture<E> {
    type Output = Result<Response<ReplyBody>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.state {
            State::First { update, .. } => ready!(poll_caught(update, cx)),
            State::Joined(answer) => ready!(Pin::new(answer).poll(cx)).ok(),
            State::Bypassed(call) => {
                let done = ready!(call.as_mut().poll(cx));
                self.state = State::Done;
                return Poll::Ready(done);
            }
            State::Rejected(answer) => Some(std::mem::take(answer)),
            State::Done => polled_after_completion(),
        };
        self.state = State::Done;
        // No response: the handler was cancelled by shutdown, or a store panicked.
        let cancelled = || reject(Rejection::ShuttingDown, Duration::from_secs(1));
        let answer = answer.unwrap_or_else(cancelled);
        Poll::Ready(Ok(*answer))
    }
}

impl<E> Drop for ResponseFuture<E> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::First {
                update,
                goes_on: true,
            } => {
                self.delivery.in_flight.first_left(self.key);
                drop(self.runtime.spawn(update));
            }
            // Its claim is given back.
            State::First { update, .. } => drop(update),
            State::Joined(_) | State::Rejected(_) | State::Bypassed(_) | State::Done => {}
        }
    }
}

impl<E> fmt::Debug for ResponseFuture<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
