//! The turn of an update: in this process, and among replicas where there is a lock.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{runtime::Handle, time::timeout};

use super::{
    Lease, LockError,
    key::Key,
    lock::{AnyGuard, AnyLock},
};
use crate::task::keyed_queue::{Place, Turn};

/// How long an update waits where replicas share the line, unless told otherwise: Telegram gives up
/// after 60 s, and a `DeadlineLayer` after 50.
const MAX_WAIT: Duration = Duration::from_secs(40);

/// What an update waits for besides its turn in this process, and how long.
#[derive(Clone, Default)]
pub(super) struct Terms {
    pub(super) lock: Option<Arc<dyn AnyLock>>,
    pub(super) max_wait: Option<Duration>,
}

impl Terms {
    fn max_wait(&self) -> Option<Duration> {
        let default = self.lock.as_ref().map(|_| MAX_WAIT);
        self.max_wait.or(default)
    }

    async fn wait(self, place: Place<Key>) -> Result<Held, NoTurn> {
        let waiting = self.clone().wait_for_ever(place);
        match self.max_wait() {
            None => waiting.await,
            Some(longest) => timeout(longest, waiting).await.unwrap_or(Err(NoTurn::Late)),
        }
    }

    /// Only who is first in this process asks the lock.
    async fn wait_for_ever(self, place: Place<Key>) -> Result<Held, NoTurn> {
        let key = place.key().to_string();
        let turn = place.turn().await;
        let Some(lock) = self.lock else {
            return Ok(Held::Here { _turn: turn });
        };
        let guard = lock.acquire(key).await.map_err(NoTurn::Unknown)?;
        Ok(Held::Shared(Shared(Some((guard, turn)))))
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("max_wait", &self.max_wait())
            .field("is_shared", &self.lock.is_some())
            .finish()
    }
}

/// Why an update has no turn.
pub(super) enum NoTurn {
    Late,
    Unknown(LockError),
}

/// A turn. The next one's begins when it is dropped, or soon after.
pub(super) enum Held {
    Here { _turn: Turn<Key> },
    Shared(Shared),
}

impl Held {
    pub(super) fn lease(&self) -> Option<Lease> {
        match self {
            Self::Shared(Shared(Some((guard, _)))) => guard.lease(),
            _ => None,
        }
    }
}

/// The turn among replicas, and in this process, which ends after it: who is next here would else ask
/// before this one is given back.
pub(super) struct Shared(Option<(Box<dyn AnyGuard>, Turn<Key>)>);

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some((guard, turn)) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                guard.release().await;
                drop(turn);
            });
        }
    }
}

/// A turn that is waited for, or has come.
pub(super) enum WaitForTurn {
    Waiting(Pin<Box<dyn Future<Output = Result<Held, NoTurn>> + Send>>),
    Come(Held),
}

impl WaitForTurn {
    pub(super) fn new(terms: Terms, place: Place<Key>) -> Self {
        Self::Waiting(Box::pin(terms.wait(place)))
    }

    pub(super) fn poll_come(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NoTurn>> {
        if let Self::Waiting(waiting) = self {
            *self = Self::Come(ready!(waiting.as_mut().poll(cx))?);
        }
        Poll::Ready(Ok(()))
    }
}
