//! Locks that replicas share: one for each chat or user.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use ::redis::{FromRedisValue, aio::ConnectionLike};
use bytes::Bytes;
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    connection::{Error, RedisConnection, Script, ScriptCall, script},
    values::{micros, number},
    wake_ups::{WakeUp, WakeUps},
};
use crate::client::ErrorChain;
use crate::{
    task::backoff::longer_at_random,
    webhook::sequence::{Lease, LeaseKeeper, LockError, LockGuard, SequenceLock},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(script!("locks.lua")));

/// The shortest lease that can still be renewed in time.
const MIN_LEASE: Duration = Duration::from_millis(100);

const MAX_LEASE: Duration = Duration::from_secs(60 * 60);

/// How soon a lease is renewed again after a call that failed.
const MIN_RENEWAL_PAUSE: Duration = Duration::from_millis(20);

/// How soon a waiter that no message wakes asks again.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// How soon at the latest, times the number of waiters before it and itself.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// How soon at the latest in any case. A waiter must ask again within a second to keep its position.
const MAX_PAUSE_OF_ALL: Duration = Duration::from_millis(500);

/// Locks in Redis for the [`SequenceLayer`](crate::webhook::SequenceLayer::with_lock)s of all replicas of a bot.
///
/// 1. An update costs two more round trips: one before its handler is called, one after its response.
/// 2. Replicas that wait for a chat get its lock in the order in which they first asked. Releasing it hands it over to
///    the next waiter, which needs no further round trip if it is in the same process or, with
///    [`wake_ups`](Self::wake_ups), in any process. Without, a waiter of another process asks again after 5
///    milliseconds, and then less and less often: the next in the queue up to ten times a second, others down to twice
///    a second.
/// 3. A lock is held for a lease of 15 seconds by default, which is renewed while the handler runs. If its
///    replica dies, the next one gets the lock when the lease ends. A replica that died while it waited is
///    skipped a second after Redis' time to respond.
/// 4. A replica that can't renew its lease in time has lost the lock, and another may handle the chat's next
///    update meanwhile: a warning is logged, and the replica's [`Lease`] says so.
/// 5. A Redis that doesn't respond in two seconds by default counts as down: updates are rejected with 503, and
///    Telegram sends them again.
/// 6. A lock is one key of about 200 bytes, deleted when it is neither held nor waited for. A Redis that is out
///    of memory still grants locks.
///
/// If Redis loses its memory, two replicas may handle a chat at once until the holder of the lock renews its
/// lease. [`Lease::fencing_token`] grows from claim to claim as long as Redis' clock isn't set back.
///
/// See the [module](super) for an example.
#[derive(Clone)]
pub struct RedisLocks {
    connection: RedisConnection,
    prefix: Box<str>,
    lease: Duration,
    wake_ups: WakeUps,
}

impl RedisLocks {
    /// Locks over a connection that reconnects by itself.
    ///
    /// All keys begin with `{` and the prefix. All replicas of a bot have the same prefix; bots that share a
    /// Redis have one each, unless they share an endpoint too.
    pub fn new<C>(connection: C, prefix: &str) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self {
            connection: RedisConnection::new(connection, Duration::from_secs(2)),
            prefix: prefix.into(),
            lease: Duration::from_secs(15),
            wake_ups: WakeUps::local(),
        }
    }

    /// Waits for other processes by messages, over a second connection, instead of asking at intervals.
    pub fn wake_ups(mut self, wake_ups: &WakeUps) -> Self {
        self.wake_ups = wake_ups.clone();
        self
    }

    /// For how long a lock is held unless its lease is renewed, which happens in every third of that time.
    /// Default: 15 seconds; at least 100 milliseconds, at most an hour.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(MIN_LEASE, MAX_LEASE);
        self
    }

    /// How long Redis may take to respond. Default: two seconds. It should be well under a third of the lease.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.connection.timeout = limit;
        self
    }

    /// How long after its last call a waiter keeps its position, and how long it holds a lock that was handed over to it
    /// before it renews it: it asks again within a second, if Redis responds in time.
    fn waiter_timeout(&self) -> Duration {
        let pauses = Duration::from_secs(1);
        self.connection
            .timeout
            .saturating_add(pauses)
            .min(MAX_LEASE)
    }
}

impl SequenceLock for RedisLocks {
    type Guard = RedisLockGuard;

    async fn acquire(&self, key: &str) -> Result<RedisLockGuard, LockError> {
        let mut wake_up = self.wake_ups.waiter();
        let waiter = LockWaiter {
            locks: self.clone(),
            key: format!("{{{}:{key}}}:turn", self.prefix).into(),
            name: wake_up.name().into(),
        };
        let waiting = WaitingForLock {
            waiter: Arc::new(waiter),
            is_granted: false,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let asked = Instant::now();
            let (fence, until) = match waiting.waiter.acquire().await.map_err(LockError::new)? {
                LockAnswer::Granted { fence } => (fence, asked + self.lease),
                LockAnswer::Waits {
                    ahead,
                    at_most,
                    last_fence,
                } => {
                    if wake_up.is_subscribed() {
                        pause = pause_for_wake_up(ahead, at_most);
                    }
                    let handed_over = tokio::select! {
                        woken = wake_up.next() => handed_over(woken, last_fence),
                        () = sleep(longer_at_random(pause)) => None,
                    };
                    let longest = MAX_PAUSE.saturating_mul(ahead.saturating_add(1));
                    pause = (pause * 3 / 2).min(longest.min(MAX_PAUSE_OF_ALL));
                    let Some(fence) = handed_over else { continue };
                    // Redis keeps it for at least as long after this waiter's last call.
                    (fence, asked + self.waiter_timeout().min(self.lease))
                }
            };
            // A process that was paused reads the response late. Another one may have the lock since.
            if Instant::now() < until {
                return Ok(waiting.granted(fence, until));
            }
        }
    }
}

/// The number of the claim of a lock that was handed over. One that isn't greater than the last claim's, which the answer
/// to the waiter's call has, is from a message that arrived late: the lock has changed hands since.
fn handed_over(woken: WakeUp, last_fence: u64) -> Option<u64> {
    match woken {
        WakeUp::Number(fence) if fence > last_fence => Some(fence),
        _ => None,
    }
}

/// How long a waiter relies on messages. A holder that dies sends none when its lease ends.
fn pause_for_wake_up(ahead: u32, at_most: Duration) -> Duration {
    if ahead > 0 {
        return MAX_PAUSE_OF_ALL;
    }
    at_most.clamp(FIRST_PAUSE, MAX_PAUSE_OF_ALL)
}

impl fmt::Debug for RedisLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLocks")
            .field("prefix", &self.prefix)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// One wait for a lock, and the name under which it is held afterwards.
struct LockWaiter {
    locks: RedisLocks,
    key: Box<str>,
    name: Box<str>,
}

enum LockAnswer {
    Granted {
        fence: u64,
    },
    Waits {
        /// How many waiters are before this one.
        ahead: u32,
        /// When the lock is free at the latest, unless its holder renews its lease.
        at_most: Duration,
        /// The number of the last claim.
        last_fence: u64,
    },
}

impl LockWaiter {
    fn call(&self, operation: &str) -> ScriptCall {
        let call = SCRIPT.call(vec![self.key.clone()]);
        call.arg(operation).arg(&*self.name)
    }

    async fn run<T: FromRedisValue>(&self, call: ScriptCall) -> Result<T, Error> {
        self.locks.connection.run(call).await
    }

    async fn acquire(&self) -> Result<LockAnswer, Error> {
        let call = self.call("acquire").arg(micros(self.locks.lease));
        let call = call.arg(micros(self.locks.waiter_timeout()));
        let answer: Vec<Bytes> = self.run(call).await?;
        match &answer[..] {
            [what, fence] if what == "granted" => Ok(LockAnswer::Granted {
                fence: number(fence)?,
            }),
            [what, ahead, at_most, last_fence] if what == "waits" => Ok(LockAnswer::Waits {
                ahead: number(ahead)?,
                at_most: Duration::from_micros(number(at_most)?),
                last_fence: number(last_fence)?,
            }),
            _ => Err(Error::Unreadable),
        }
    }

    async fn renew(&self, fence: u64) -> Result<bool, Error> {
        let call = self.call("renew").arg(micros(self.locks.lease));
        self.run(call.arg(fence)).await
    }

    /// Releases the lock or stops to wait for it, and hands it over to the next waiter.
    async fn release(&self) -> Result<(), Error> {
        let wake_ups = &self.locks.wake_ups;
        let call = self.call("release").arg(wake_ups.process());
        let next: Vec<String> = self.run(call).await?;
        if let [waiter, fence] = &next[..] {
            wake_ups.wake(waiter, WakeUp::Number(number(fence.as_bytes())?));
        }
        Ok(())
    }

    /// Renews the lease until the lock is lost.
    async fn keep(&self, lease: Lease, until: Instant, keeper: LeaseKeeper) {
        tokio::select! {
            () = lease.lost() => {}
            () = self.keep_renewing(lease.fencing_token(), until, &keeper) => {}
        }
        tracing::warn!(
            fencing_token = lease.fencing_token(),
            lock = &*self.key,
            "lock lost while its update was handled"
        );
    }

    async fn keep_renewing(&self, fence: u64, mut until: Instant, keeper: &LeaseKeeper) {
        loop {
            // After an error too, so that a renewal that failed is tried again before the end.
            let left = until.saturating_duration_since(Instant::now());
            sleep((left / 3).max(MIN_RENEWAL_PAUSE)).await;
            let renewed_until = Instant::now() + self.locks.lease;
            match self.renew(fence).await {
                Ok(true) if keeper.renew(renewed_until.into_std()) => until = renewed_until,
                Ok(_) => return,
                Err(error) => {
                    let error = ErrorChain(&error);
                    tracing::warn!(%error, lock = &*self.key, "failed to renew lock");
                }
            }
        }
    }
}

/// A wait that, when it is dropped, leaves the queue; and releases the lock, if the answer that grants it is
/// under way.
struct WaitingForLock {
    waiter: Arc<LockWaiter>,
    is_granted: bool,
}

impl WaitingForLock {
    fn granted(mut self, fence: u64, until: Instant) -> RedisLockGuard {
        self.is_granted = true;
        let (lease, keeper) = Lease::new(fence, until.into_std());
        let (kept, waiter) = (lease.clone(), Arc::clone(&self.waiter));
        let renewing = tokio::spawn(async move { waiter.keep(kept, until, keeper).await });
        RedisLockGuard {
            holder: Arc::clone(&self.waiter),
            lease,
            renewing,
        }
    }
}

impl Drop for WaitingForLock {
    fn drop(&mut self) {
        if !self.is_granted
            && let Ok(runtime) = Handle::try_current()
        {
            let waiter = Arc::clone(&self.waiter);
            // If that fails, the others wait a little longer.
            runtime.spawn(async move { waiter.release().await.ok() });
        }
    }
}

/// A lock of [`RedisLocks`] that is held.
pub struct RedisLockGuard {
    holder: Arc<LockWaiter>,
    lease: Lease,
    renewing: JoinHandle<()>,
}

impl LockGuard for RedisLockGuard {
    fn lease(&self) -> Option<Lease> {
        Some(self.lease.clone())
    }

    async fn release(self) {
        // First, so that it isn't renewed after it was released.
        self.renewing.abort();
        if let Err(error) = self.holder.release().await {
            let error = ErrorChain(&error);
            let lock = &*self.holder.key;
            tracing::warn!(%error, lock, "failed to release lock, it is free when its lease ends");
        }
    }
}

impl Drop for RedisLockGuard {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl fmt::Debug for RedisLockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLockGuard")
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
