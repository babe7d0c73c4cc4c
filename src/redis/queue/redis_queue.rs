//! The queue: its settings, its keys in Redis, and how its script is called.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use ::redis::aio::ConnectionLike;
use bytes::Bytes;

use super::{additions::Additions, error::unreadable};
use crate::{
    queue::{QueueError, QueueStatus, trace_context::TraceContextHook},
    redis::{
        connection::{RedisConnection, Script, ScriptCall, script},
        values::{MAX_DELIVERY_TIME, MIN_LEASE, number},
        wake_ups::{WakeUp, WakeUps},
    },
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(script!("queue/queue.lua")));
static ADD_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(script!("queue/add.lua")));

/// The shortest time-out: in less, no call would ever succeed.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

/// A [queue](crate::queue) of updates on Redis Streams. Cheap to clone.
///
/// All processes that share a queue give it the same options.
///
/// To what the queue promises over any engine, Redis adds:
///
/// 1. A partition is a stream, and the [number of them](Self::partitions) is a setting. A claim on one is valid
///    for a [lease](Self::lease) of ten seconds by default. A queue has a [limit](Self::max_backlog).
/// 2. With [wake-ups](Self::wake_ups) a worker that waits is sent a message when an update is added. Without
///    it asks [every 50 ms](crate::queue::Worker::poll_every).
/// 3. Dead letters are in [a stream](Self::dead_letters) of their own.
/// 4. An entry that other programs wrote into the streams, and that is no update, is a
///    [dead letter](Self::unreadable_letters) at once. One that they delete may be handled nevertheless, because
///    workers read updates [before their turn](crate::queue::Worker::max_read_ahead_bytes).
///
/// # Example
///
/// ```no_run
/// use redis::aio::ConnectionManagerConfig;
/// use tower_telegram::{
///     Client,
///     methods::SendMessage,
///     redis::{RedisQueue, WakeUps},
///     types::Update,
///     webhook::{SecretToken, Webhook},
/// };
///
/// # async fn run(client: Client) -> Result<(), Box<dyn std::error::Error>> {
/// let redis = redis::Client::open("redis://127.0.0.1/")?;
/// let connection = redis.get_connection_manager_lazy(ConnectionManagerConfig::new())?;
/// let queue = RedisQueue::new(connection, "my_bot").wake_ups(&WakeUps::new(redis));
/// let webhook = Webhook::new(SecretToken::new("a-long_Secret")?);
///
/// // In the processes that Telegram reaches, a service for any server:
/// let service = webhook.clone().queue(&queue);
///
/// // In the workers, the handler as it would be without a queue:
/// let handler = webhook.handler(async |update: Update| {
///     let message = update.new_message()?;
///     Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
/// });
/// queue.worker(client).run(handler.into_updates()).await?;
/// # drop(service);
/// # Ok(())
/// # }
/// ```
///
/// # Requirements and cost
///
/// Redis 6 or newer. When it is out of memory, webhooks respond with 503, and workers go on: they write
/// little, and free more. Because Telegram got a 200, **an update that Redis forgets is lost**: Redis should
/// write its data to a disk (`appendonly yes`; with `appendfsync always` even a power cut loses
/// no update), and drop no keys to make room (`maxmemory-policy noeviction`). A replica that takes over from
/// a Redis that died may lack the last writes.
///
/// Each update is remembered for 24 hours, in about 150 bytes. It takes a round trip to add it, and at most two around
/// its handler. Many updates share these: those that a process adds while a call is under way go together into the next,
/// up to 128 of them, and so do the records of a worker. In a cluster, all of a queue is in one slot.
#[derive(Clone)]
pub struct RedisQueue {
    pub(super) connection: RedisConnection,
    pub(super) name: Arc<str>,
    prefix: Arc<str>,
    pub(super) partitions: u16,
    max_backlog: usize,
    pub(super) max_dead_letters: usize,
    pub(super) lease: Duration,
    pub(super) wake_ups: WakeUps,
    pub(super) context: Option<TraceContextHook>,
    /// Shared by the clones that have the same settings.
    pub(super) additions: Arc<Additions>,
}

/// The keys of a queue in Redis.
#[derive(Clone, Copy)]
pub(super) enum QueueKey<'a> {
    Partitions,
    Workers,
    Attempts,
    Dead,
    Stream(u16),
    Seen(&'a str),
}

impl RedisQueue {
    /// A queue over a connection that reconnects by itself.
    ///
    /// All keys begin with `{`, the name and `:queue}`. Bots that share an endpoint, by
    /// [`SecretTokenLayer::bots`](crate::webhook::SecretTokenLayer::bots), may share a queue; others have a queue
    /// with a name of their own each, because the numbers of their updates may be the same.
    pub fn new<C>(connection: C, name: &str) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self {
            connection: RedisConnection::new(connection, Duration::from_secs(2)),
            name: name.into(),
            prefix: format!("{{{name}:queue}}").into(),
            partitions: 16,
            max_backlog: 100_000,
            max_dead_letters: 10_000,
            lease: Duration::from_secs(10),
            wake_ups: WakeUps::local(),
            context: None,
            additions: Arc::default(),
        }
    }

    /// Has an update wake the worker that waits for it, over a second connection of the worker. Without, workers
    /// look for updates [at intervals](crate::queue::Worker::poll_every), unless the update was queued by a clone
    /// of their own queue.
    pub fn wake_ups(mut self, wake_ups: &WakeUps) -> Self {
        self.wake_ups = wake_ups.clone();
        self.changed()
    }

    /// Over how many partitions chats are spread, and how many workers can share the work at most. Default: 16; 1 to
    /// 1024.
    ///
    /// The number stays the one with which the queue was first used: another one is an error, because a chat's
    /// updates would be in two partitions at once. To change the number of an empty queue, delete
    /// the key that ends in `:partitions`.
    pub fn partitions(mut self, number: u16) -> Self {
        self.partitions = number.clamp(1, 1024);
        self.changed()
    }

    /// How many updates may wait, including those that are being handled. Default: 100,000. 0 counts as 1.
    /// Further ones get a 503. Each partition takes its share of the number, rounded up, so that too many updates of
    /// one chat keep out only the chats that share its partition.
    pub fn max_backlog(mut self, updates: usize) -> Self {
        self.max_backlog = updates.max(1);
        self.changed()
    }

    /// How many dead letters are kept: the latest. Default: 10,000. With 0 none is kept.
    pub fn max_dead_letters(mut self, letters: usize) -> Self {
        // Redis counts in signed numbers.
        self.max_dead_letters = letters.min(usize::MAX / 2);
        self
    }

    /// For how long a worker claims a partition unless it renews the claim, which happens in every quarter of that
    /// time and at least every second. Default: ten seconds; at least 100 milliseconds, at most 24 hours.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(MIN_LEASE, MAX_DELIVERY_TIME);
        self
    }

    /// How long Redis may take to respond, and for how long an update waits to be added. Default: two seconds; at least
    /// 10 milliseconds. It should be well under the lease.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.connection.timeout = limit.max(MIN_TIMEOUT);
        self.changed()
    }

    /// A function that returns the trace context to store with an update in the queue. Default: none.
    ///
    /// `context` is called when an update is put into the queue, within the span of the webhook's update, and
    /// returns a `traceparent` as in W3C's
    /// [Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header), or `None`. The worker's span has
    /// it as `telegram.link.traceparent`, and gives it to
    /// [`TraceUpdatesLayer::link_with`](crate::webhook::TraceUpdatesLayer::link_with). Dead letters don't keep it.
    ///
    /// ```
    /// use tower_telegram::redis::RedisQueue;
    ///
    /// fn traced(queue: RedisQueue) -> RedisQueue {
    ///     // With OpenTelemetry, by its `TraceContextPropagator`.
    ///     queue.trace_context(|| {
    ///         Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned())
    ///     })
    /// }
    /// ```
    pub fn trace_context(
        mut self,
        context: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.context = Some(Arc::new(context));
        self
    }

    /// Its updates don't share calls with those of clones that have other settings.
    fn changed(mut self) -> Self {
        self.additions = Arc::default();
        self
    }

    /// Counts the contents of the queue, for readiness and metrics: one round trip.
    ///
    /// # Errors
    ///
    /// When Redis can't be reached.
    pub async fn status(&self) -> Result<QueueStatus, QueueError> {
        let keys = [QueueKey::Workers, QueueKey::Dead].into_iter();
        let streams = (0..self.partitions).map(QueueKey::Stream);
        let answer = self.query(self.call("status", keys.chain(streams))).await?;
        let [updates, dead_letters, workers] = &answer[..] else {
            return Err(unreadable());
        };
        Ok(QueueStatus {
            updates: number(updates)?,
            dead_letters: number(dead_letters)?,
            workers: number(workers)?,
        })
    }

    /// Wakes the worker that Redis named when an update was added, if it is in this process.
    pub(super) fn wake(&self, answer: &[Bytes], partition: u16) {
        if let [_, waiter] = answer
            && let Ok(waiter) = text(waiter)
        {
            self.wake_ups.wake(waiter, WakeUp::Number(partition.into()));
        }
    }

    /// As much as a partition takes.
    pub(super) fn max_length(&self) -> usize {
        self.max_backlog.div_ceil(usize::from(self.partitions))
    }

    /// Because of the braces, a cluster has all keys of a queue in one slot.
    fn key(&self, key: QueueKey<'_>) -> Box<str> {
        let prefix = &self.prefix;
        match key {
            QueueKey::Partitions => format!("{prefix}:partitions"),
            QueueKey::Workers => format!("{prefix}:workers"),
            QueueKey::Attempts => format!("{prefix}:attempts"),
            QueueKey::Dead => format!("{prefix}:dead"),
            QueueKey::Stream(number) => format!("{prefix}:updates:{number}"),
            QueueKey::Seen(update) => format!("{prefix}:seen:{update}"),
        }
        .into()
    }

    pub(super) fn call<'a>(
        &self,
        operation: &str,
        keys: impl IntoIterator<Item = QueueKey<'a>>,
    ) -> ScriptCall {
        let keys = std::iter::once(QueueKey::Partitions).chain(keys);
        let call = SCRIPT.call(keys.map(|key| self.key(key)).collect());
        call.arg(operation).arg(self.partitions)
    }

    /// A call that adds one update, as long as that isn't rare.
    pub(super) fn add_call(&self, partition: u16, seen: &str) -> ScriptCall {
        let keys = [
            QueueKey::Partitions,
            QueueKey::Stream(partition),
            QueueKey::Seen(seen),
        ];
        let call = ADD_SCRIPT.call(keys.map(|key| self.key(key)).into());
        call.arg(self.partitions)
    }

    pub(super) async fn query(&self, call: ScriptCall) -> Result<Vec<Bytes>, QueueError> {
        let answer: Vec<Bytes> = self.connection.run(call).await?;
        match &answer[..] {
            [what, there] if &**what == b"partitions" => Err(QueueError::partitions(text(there)?)),
            _ => Ok(answer),
        }
    }
}

impl fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQueue")
            .field("prefix", &self.prefix)
            .field("partitions", &self.partitions)
            .field("max_backlog", &self.max_backlog)
            .field("max_dead_letters", &self.max_dead_letters)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, QueueError> {
    std::str::from_utf8(bytes).map_err(|_| unreadable())
}
