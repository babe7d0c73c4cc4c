//! The turn of an update in this process, and among replicas if there is a lock.

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
    key::BotKey,
    lock::{ErasedGuard, ErasedLock},
};
use crate::task::keyed_queue::{Ticket, TurnGuard};

/// How long an update waits by default where replicas share the queues. Telegram closes the connection after 60 s, and
/// a `DeadlineLayer` responds after 50.
const MAX_WAIT: Duration = Duration::from_secs(40);

/// The lock that an update waits for besides its turn in this process, and the time limit of both.
#[derive(Clone, Default)]
pub(super) struct WaitPolicy {
    pub(super) lock: Option<Arc<dyn ErasedLock>>,
    pub(super) max_wait: Option<Duration>,
}

impl WaitPolicy {
    fn max_wait(&self) -> Option<Duration> {
        let default = self.lock.as_ref().map(|_| MAX_WAIT);
        self.max_wait.or(default)
    }

    async fn wait(self, ticket: Ticket<BotKey>) -> Result<Permit, TurnError> {
        let waiting = self.clone().acquire_turn(ticket);
        match self.max_wait() {
            None => waiting.await,
            Some(longest) => timeout(longest, waiting)
                .await
                .unwrap_or(Err(TurnError::Late)),
        }
    }

    /// Only the first update in this process waits for the lock.
    async fn acquire_turn(self, ticket: Ticket<BotKey>) -> Result<Permit, TurnError> {
        let key = ticket.key().to_string();
        let turn = ticket.turn().await;
        let Some(lock) = self.lock else {
            return Ok(Permit::Local { _turn: turn });
        };
        let guard = lock.acquire(key).await.map_err(TurnError::Unknown)?;
        Ok(Permit::Shared(SharedTurn(Some((guard, turn)))))
    }
}

impl fmt::Debug for WaitPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitPolicy")
            .field("max_wait", &self.max_wait())
            .field("is_shared", &self.lock.is_some())
            .finish()
    }
}

/// Why an update has no turn.
pub(super) enum TurnError {
    Late,
    Unknown(LockError),
}

/// A turn. The next update's begins when it is dropped, or soon after.
pub(super) enum Permit {
    Local { _turn: TurnGuard<BotKey> },
    Shared(SharedTurn),
}

impl Permit {
    pub(super) fn lease(&self) -> Option<Lease> {
        match self {
            Self::Shared(SharedTurn(Some((guard, _)))) => guard.lease(),
            _ => None,
        }
    }
}

/// The turn among replicas, and the one in this process. The latter ends last, because the next update here would
/// otherwise wait for the lock before it is released.
pub(super) struct SharedTurn(Option<(Box<dyn ErasedGuard>, TurnGuard<BotKey>)>);

impl Drop for SharedTurn {
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
    Waiting(Pin<Box<dyn Future<Output = Result<Permit, TurnError>> + Send>>),
    Come(Permit),
}

impl WaitForTurn {
    pub(super) fn new(policy: WaitPolicy, ticket: Ticket<BotKey>) -> Self {
        Self::Waiting(Box::pin(policy.wait(ticket)))
    }

    pub(super) fn poll_come(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TurnError>> {
        if let Self::Waiting(waiting) = self {
            *self = Self::Come(ready!(waiting.as_mut().poll(cx))?);
        }
        Poll::Ready(Ok(()))
    }
}
