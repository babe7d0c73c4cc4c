//! The queue: its settings, and the names of its streams.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_nats::jetstream::Context;

use crate::queue::{QueueError, trace_context::TraceContextHook};

/// The longest time for which Telegram tries to deliver an update.
pub(super) const MAX_DELIVERY_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest lease. The server measures inactivity in such steps.
const MIN_LEASE: Duration = Duration::from_millis(500);

/// The shortest time-out: in less, no call would ever succeed.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

/// A queue of updates on NATS JetStream. Cheap to clone. See the [module](super).
///
/// All processes that share a queue give it the same options. Its streams are made when it is first used, and changed
/// when a process with other options uses it.
#[derive(Clone)]
pub struct NatsQueue {
    pub(super) context: Context,
    pub(super) name: Arc<str>,
    pub(super) partitions: u16,
    pub(super) replicas: usize,
    pub(super) max_backlog: usize,
    pub(super) max_dead_letters: usize,
    pub(super) lease: Duration,
    pub(super) timeout: Duration,
    pub(super) trace_context: Option<TraceContextHook>,
    /// Whether the streams were found as the options say.
    pub(super) is_set_up: Arc<AtomicBool>,
}

impl NatsQueue {
    /// A queue over a JetStream context, whose client reconnects by itself.
    ///
    /// The queue has three streams, whose names are `name` with `_updates`, `_attempts` and `_dead` behind it, and all
    /// subjects that begin with `name` and `.queue.`. Bots that share an endpoint, by
    /// [`SecretTokenLayer::bots`](crate::webhook::SecretTokenLayer::bots), may share a queue; others have a queue
    /// with a name of their own each, because the numbers of their updates may be the same.
    ///
    /// # Errors
    ///
    /// When the name is empty, or has other characters than letters and digits of ASCII, `-` and `_`.
    pub fn new(context: Context, name: &str) -> Result<Self, QueueError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_allowed) {
            return Err(QueueError::new(
                "a queue's name consists of letters, digits, `-` and `_`",
            ));
        }
        let queue = Self {
            context,
            name: name.into(),
            partitions: 16,
            replicas: 1,
            max_backlog: 100_000,
            max_dead_letters: 10_000,
            lease: Duration::from_secs(10),
            timeout: Duration::ZERO,
            trace_context: None,
            is_set_up: Arc::default(),
        };
        Ok(queue.timeout(Duration::from_secs(2)))
    }

    /// On how many nodes of a cluster the queue is stored. Default: 1; at most 5. With 3, one node may be lost.
    pub fn replicas(mut self, number: usize) -> Self {
        self.replicas = number.clamp(1, 5);
        self.changed()
    }

    /// Over how many partitions chats are spread, and how many workers can share the work at most. Default: 16; 1 to
    /// 1024. Each has a consumer while a worker reads it.
    ///
    /// The number stays the one with which the queue was first used: another one is an error, because a chat's
    /// updates would be in two partitions at once. To change the number of an empty queue, delete its streams of
    /// updates and of attempts.
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
        self.max_dead_letters = letters;
        self.changed()
    }

    /// How long a worker may be silent before the server ends its claims. Default: ten seconds; at least half a second,
    /// at most 24 hours. The server looks at intervals, so that the claims of a worker that died or hangs end after
    /// between half of that time and twice that time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(MIN_LEASE, MAX_DELIVERY_TIME);
        self
    }

    /// How long the server may take to respond. Default: two seconds; at least 10 milliseconds. It should be well
    /// under the lease.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit.max(MIN_TIMEOUT);
        self.context.set_timeout(self.timeout);
        self
    }

    /// A function that returns the trace context to store with an update in the queue. Default: none.
    ///
    /// `context` is called when an update is put into the queue, within the span of the webhook's update, and
    /// returns a `traceparent` as in W3C's
    /// [Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header), or `None`. The worker's span has
    /// it as `telegram.link.traceparent`, and gives it to
    /// [`TraceUpdatesLayer::link_with`](crate::webhook::TraceUpdatesLayer::link_with). Dead letters don't keep it.
    pub fn trace_context(
        mut self,
        context: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.trace_context = Some(Arc::new(context));
        self
    }

    /// With other options, the streams are looked at once more.
    fn changed(mut self) -> Self {
        self.is_set_up = Arc::default();
        self
    }

    /// As much as a partition takes.
    pub(super) fn max_length(&self) -> usize {
        self.max_backlog.div_ceil(usize::from(self.partitions))
    }

    pub(super) fn updates_stream(&self) -> String {
        format!("{}_updates", self.name)
    }

    pub(super) fn attempts_stream(&self) -> String {
        format!("{}_attempts", self.name)
    }

    pub(super) fn dead_stream(&self) -> String {
        format!("{}_dead", self.name)
    }

    pub(super) fn partition_subject(&self, partition: u16) -> String {
        format!("{}.queue.updates.{partition}", self.name)
    }

    pub(super) fn partition_subjects(&self) -> String {
        format!("{}.queue.updates.*", self.name)
    }

    /// The subject of the count of attempts at a message; of all with `*`.
    pub(super) fn attempts_subject(&self, message: &str) -> String {
        format!("{}.queue.attempts.{message}", self.name)
    }

    pub(super) fn dead_subject(&self) -> String {
        format!("{}.queue.dead", self.name)
    }

    /// Where workers send heartbeats to each other.
    pub(super) fn workers_subject(&self) -> String {
        format!("{}.queue.workers", self.name)
    }
}

impl fmt::Debug for NatsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsQueue")
            .field("name", &self.name)
            .field("partitions", &self.partitions)
            .field("replicas", &self.replicas)
            .field("max_backlog", &self.max_backlog)
            .field("max_dead_letters", &self.max_dead_letters)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
