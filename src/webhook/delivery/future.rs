//! Who asked, and waits.

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
    DeliveryKey, DeliveryStore, MemoryStore,
    handle_once::{Flying, Shared, has_reply, turned_away},
    in_flight::Answer,
};
use crate::webhook::{Rejection, ReplyBody};

/// The response future of [`Deliver`](super::Deliver). The handler runs in that of who asked first;
/// dropped before it is done, it goes on, on a task of its own.
pub struct ResponseFuture<E, St: DeliveryStore = MemoryStore> {
    state: State<E>,
    key: DeliveryKey,
    shared: Arc<Shared<St>>,
    /// Where what is left goes on. Who drops this may be outside.
    runtime: Handle,
}

type Passing<E> = Pin<Box<dyn Future<Output = Result<Response<ReplyBody>, E>> + Send>>;

enum State<E> {
    /// The first who asked, with the handler.
    Flying(Flying),
    /// One who asked while it ran.
    Joined(oneshot::Receiver<Answer>),
    Answered(Option<Answer>),
    /// A handler that isn't this layer's to look after.
    Passing(Passing<E>),
}

impl<E, St: DeliveryStore> ResponseFuture<E, St> {
    fn new(state: State<E>, key: DeliveryKey, shared: &Arc<Shared<St>>) -> Self {
        Self {
            state,
            key,
            shared: Arc::clone(shared),
            runtime: Handle::current(),
        }
    }

    pub(super) fn flying(flying: Flying, key: DeliveryKey, shared: &Arc<Shared<St>>) -> Self {
        Self::new(State::Flying(flying), key, shared)
    }

    pub(super) fn joined(
        answer: oneshot::Receiver<Answer>,
        key: DeliveryKey,
        shared: &Arc<Shared<St>>,
    ) -> Self {
        Self::new(State::Joined(answer), key, shared)
    }

    pub(super) fn passing(
        handling: Passing<E>,
        key: DeliveryKey,
        shared: &Arc<Shared<St>>,
    ) -> Self {
        Self::new(State::Passing(handling), key, shared)
    }

    pub(super) fn turned_away(why: Rejection, key: DeliveryKey, shared: &Arc<Shared<St>>) -> Self {
        let answer = turned_away(why, Duration::from_secs(1));
        Self::new(State::Answered(Some(answer)), key, shared)
    }
}

/// A store that panics must not take the connection with it. The handler's own panics don't come here.
fn poll_caught(flying: &mut Flying, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
    let polled = AssertUnwindSafe(|| flying.as_mut().poll(cx));
    panic::catch_unwind(polled).unwrap_or(Poll::Ready(None))
}

impl<E, St: DeliveryStore> Future for ResponseFuture<E, St> {
    type Output = Result<Response<ReplyBody>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.state {
            State::Flying(flying) => ready!(poll_caught(flying, cx)),
            State::Joined(answer) => ready!(Pin::new(answer).poll(cx)).ok(),
            State::Answered(answer) => answer.take(),
            State::Passing(handling) => {
                let done = ready!(handling.as_mut().poll(cx));
                self.state = State::Answered(None);
                return Poll::Ready(done);
            }
        };
        self.state = State::Answered(None);
        // No answer: cut off, a fault of ours, or polled again.
        let cut_off = || turned_away(Rejection::ShuttingDown, Duration::from_secs(1));
        let answer = answer.unwrap_or_else(cut_off);
        Poll::Ready(Ok(*answer))
    }
}

impl<E, St: DeliveryStore> Drop for ResponseFuture<E, St> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Answered(None)) {
            State::Flying(flying) => {
                self.shared.flights.first_left(self.key);
                drop(self.runtime.spawn(flying));
            }
            State::Joined(answer) => self.leave(answer),
            State::Answered(_) | State::Passing(_) => {}
        }
    }
}

impl<E, St: DeliveryStore> ResponseFuture<E, St> {
    /// Whoever joined may leave at the very moment at which the answer is given to them.
    fn leave(&self, mut answer: oneshot::Receiver<Answer>) {
        answer.close();
        if let Ok(answer) = answer.try_recv()
            && has_reply(&answer)
        {
            let (shared, key) = (Arc::clone(&self.shared), self.key);
            self.runtime
                .spawn(async move { shared.take_back(key, answer).await });
        }
    }
}

impl<E, St: DeliveryStore> fmt::Debug for ResponseFuture<E, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
