//! The turns that replicas share.

use std::{
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
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
    connection::{Error, RedisConnection, Script, ScriptCall},
    values::{micros, number},
};
use crate::client::ErrorChain;
use crate::{
    task::{backoff::longer_at_random, random::random_u64},
    webhook::sequence::{Lease, LeaseKeeper, LockError, LockGuard, SequenceLock},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("locks.lua")));

/// The shortest lease that can still be renewed in time.
const MIN_LEASE: Duration = Duration::from_millis(100);

const MAX_LEASE: Duration = Duration::from_secs(60 * 60);

/// How soon who waits asks again.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// How soon at the latest, by how many are before.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE_OF_ALL: Duration = Duration::from_millis(500);

/// Keeps in Redis whose turn it is in a chat, for the
/// [`SequenceLayer`](crate::webhook::SequenceLayer::with_lock)s of all replicas of a bot.
///
/// 1. An update costs two round trips more: one before its handler is called, one after its answer.
/// 2. Replicas that wait for a chat have their turn in the order in which they asked. They ask again
///    after 5 milliseconds, and then less and less often, up to ten times a second; who isn't next,
///    down to twice a second.
/// 3. A turn is taken for 15 seconds, unless told otherwise, and that is renewed while its handler
///    runs. If its replica dies, another goes on once that time is over. One that died while it waited
///    is passed over after a second more than Redis may take for an answer.
/// 4. A replica that can't renew its turn in time has lost it, and another may handle the chat's next
///    update beside it: a warning is traced, and its [`Lease`] says so.
/// 5. A Redis that doesn't answer in two seconds, unless told otherwise, is as good as down: then
///    updates are answered with 503, and Telegram sends them again.
/// 6. A chat takes one key, and none when nothing is handled and nobody waits.
///
/// A Redis that loses its memory lets two replicas handle a chat at once, until those that had a turn
/// renew it. [`Lease::fencing_token`] grows from turn to turn as long as Redis' clock isn't set back.
///
/// See the [module](super) for an example.
#[derive(Clone)]
pub struct RedisLocks {
    connection: RedisConnection,
    prefix: Box<str>,
    lease: Duration,
    askers: Arc<WaiterIds>,
}

/// Names for those who ask, of which no two are alike.
struct WaiterIds {
    process: u64,
    count: AtomicU64,
}

impl RedisLocks {
    /// Over a connection that reconnects by itself.
    ///
    /// All keys begin with `{` and the prefix. Replicas have the same; bots that share a Redis each
    /// their own, unless they share an endpoint too.
    pub fn new<C>(connection: C, prefix: &str) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        let askers = WaiterIds {
            process: random_u64(),
            count: AtomicU64::new(0),
        };
        Self {
            connection: RedisConnection::new(connection, Duration::from_secs(2)),
            prefix: prefix.into(),
            lease: Duration::from_secs(15),
            askers: Arc::new(askers),
        }
    }

    /// For how long a turn is taken, and taken anew in every third of that time: 15 seconds unless
    /// told otherwise, at least 100 milliseconds, at most an hour.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(MIN_LEASE, MAX_LEASE);
        self
    }

    /// How long Redis may take for an answer; two seconds unless told otherwise. It should be well
    /// under a third of the lease.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.connection.timeout = limit;
        self
    }

    fn asker(&self, key: &str) -> LockWaiter {
        let count = self.askers.count.fetch_add(1, Ordering::Relaxed);
        LockWaiter {
            locks: self.clone(),
            key: format!("{{{}:{key}}}:turn", self.prefix).into(),
            id: format!("{:016x}-{count}", self.askers.process).into(),
        }
    }
}

impl SequenceLock for RedisLocks {
    type Guard = RedisTurn;

    async fn acquire(&self, key: &str) -> Result<RedisTurn, LockError> {
        let place = LockPlace {
            asker: Arc::new(self.asker(key)),
            has_come: false,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let asked = Instant::now();
            match place.asker.acquire().await.map_err(LockError::new)? {
                TurnAnswer::Granted { fence } => return Ok(place.granted(fence, asked)),
                TurnAnswer::Waits { ahead } => {
                    sleep(longer_at_random(pause)).await;
                    let longest = LONGEST_PAUSE.saturating_mul(ahead.saturating_add(1));
                    pause = (pause * 3 / 2).min(longest.min(LONGEST_PAUSE_OF_ALL));
                }
            }
        }
    }
}

impl fmt::Debug for RedisLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLocks")
            .field("prefix", &self.prefix)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// Who asks for the turn of a chat, once.
struct LockWaiter {
    locks: RedisLocks,
    key: Box<str>,
    id: Box<str>,
}

enum TurnAnswer {
    Granted { fence: u64 },
    Waits { ahead: u32 },
}

impl LockWaiter {
    async fn run<T: FromRedisValue>(
        &self,
        operation: &str,
        arguments: [Option<u64>; 2],
    ) -> Result<T, Error> {
        let call = SCRIPT.call(vec![self.key.clone()]);
        let call = call.arg(operation).arg(&*self.id);
        let call = arguments.into_iter().flatten().fold(call, ScriptCall::arg);
        self.locks.connection.run(call).await
    }

    async fn acquire(&self) -> Result<TurnAnswer, Error> {
        let pauses = Duration::from_secs(1);
        let patience = self.locks.connection.timeout.saturating_add(pauses);
        let arguments = [self.locks.lease, patience.min(MAX_LEASE)];
        let arguments = arguments.map(|time| Some(micros(time)));
        let answer: Vec<Bytes> = self.run("acquire", arguments).await?;
        match &answer[..] {
            [what, fence] if what == "granted" => Ok(TurnAnswer::Granted {
                fence: number(fence)?,
            }),
            [what, ahead] if what == "waits" => Ok(TurnAnswer::Waits {
                ahead: number(ahead)?,
            }),
            _ => Err(Error::Unreadable),
        }
    }

    async fn renew(&self, fence: u64) -> Result<bool, Error> {
        let lease = micros(self.locks.lease);
        self.run("renew", [Some(lease), Some(fence)]).await
    }

    /// Gives the turn back, or leaves the line.
    async fn release(&self) -> Result<(), Error> {
        self.run("release", [None; 2]).await
    }

    /// Renews the turn until it is lost.
    async fn keep(&self, lease: Lease, keeper: LeaseKeeper) {
        tokio::select! {
            () = lease.lost() => {}
            () = self.keep_renewing(lease.fencing_token(), &keeper) => {}
        }
        tracing::warn!(
            fencing_token = lease.fencing_token(),
            "a chat's turn ran out while an update was handled"
        );
    }

    async fn keep_renewing(&self, fence: u64, keeper: &LeaseKeeper) {
        loop {
            sleep(self.locks.lease / 3).await;
            let asked = Instant::now();
            match self.renew(fence).await {
                Ok(true) if keeper.renew((asked + self.locks.lease).into_std()) => {}
                Ok(_) => return,
                Err(error) => {
                    let error = ErrorChain(&error);
                    tracing::warn!(%error, "a chat's turn wasn't renewed");
                }
            }
        }
    }
}

/// A place in the line. Dropped, it is left; and so is the turn, if the answer that it has come was
/// under way.
struct LockPlace {
    asker: Arc<LockWaiter>,
    has_come: bool,
}

impl LockPlace {
    fn granted(mut self, fence: u64, asked: Instant) -> RedisTurn {
        self.has_come = true;
        let until = asked + self.asker.locks.lease;
        let (lease, keeper) = Lease::new(fence, until.into_std());
        let (kept, who) = (lease.clone(), Arc::clone(&self.asker));
        let renewing = tokio::spawn(async move { who.keep(kept, keeper).await });
        RedisTurn {
            asker: Arc::clone(&self.asker),
            lease,
            renewing,
        }
    }
}

impl Drop for LockPlace {
    fn drop(&mut self) {
        if !self.has_come
            && let Ok(runtime) = Handle::try_current()
        {
            let who = Arc::clone(&self.asker);
            // If that fails, the others wait a little longer.
            runtime.spawn(async move { who.release().await.ok() });
        }
    }
}

/// The turn of a chat, from [`RedisLocks`].
pub struct RedisTurn {
    asker: Arc<LockWaiter>,
    lease: Lease,
    renewing: JoinHandle<()>,
}

impl LockGuard for RedisTurn {
    fn lease(&self) -> Option<Lease> {
        Some(self.lease.clone())
    }

    async fn release(self) {
        // First, so that it isn't taken anew after it was given back.
        self.renewing.abort();
        if let Err(error) = self.asker.release().await {
            let error = ErrorChain(&error);
            tracing::warn!(%error, "a chat's turn wasn't given back, and has to run out");
        }
    }
}

impl Drop for RedisTurn {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl fmt::Debug for RedisTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTurn")
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
