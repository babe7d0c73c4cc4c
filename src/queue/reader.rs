//! The `QueueReader` trait, by which a worker takes updates out of a queue.

use std::{
    future::{Future, pending, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use super::error::QueueError;
use crate::webhook::{BotId, Failure, RawUpdate};

/// The right to handle the updates of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PartitionClaim {
    /// Which partition.
    pub partition: u16,
    /// Distinguishes this claim from those before and after it, so that an expired one has no effect.
    pub fencing_token: u64,
}

impl PartitionClaim {
    /// A claim on this partition.
    pub fn new(partition: u16, fencing_token: u64) -> Self {
        Self {
            partition,
            fencing_token,
        }
    }
}

/// The partitions of a worker, from [`QueueReader::claim`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HeldPartitions {
    /// The claims that are valid now: those that were renewed, and new ones.
    pub claims: Vec<PartitionClaim>,
    /// How many partitions the worker should have. It releases those beyond that number.
    pub share: usize,
}

impl HeldPartitions {
    /// The claims that a worker holds, and the number that is its fair share.
    pub fn new(claims: Vec<PartitionClaim>, share: usize) -> Self {
        Self { claims, share }
    }
}

/// Which entries of a partition to read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WantedEntries {
    /// The partition.
    pub claim: PartitionClaim,
    /// The last entry that the worker has read under this claim; `None` for the first of all.
    pub after: Option<Arc<str>>,
    /// The most entries to read, at least 1.
    pub count: usize,
    /// The most bytes of updates to read [with them](TakenEntry::with_entry), where an update counts with its JSON and
    /// 256 bytes. May be 0.
    pub max_bytes: usize,
}

impl WantedEntries {
    pub(super) fn new(
        claim: PartitionClaim,
        after: Option<Arc<str>>,
        count: usize,
        max_bytes: usize,
    ) -> Self {
        Self {
            claim,
            after,
            count,
            max_bytes,
        }
    }
}

/// The entries that were read of a partition, or why none were.
#[derive(Debug)]
#[non_exhaustive]
pub enum TakenEntries {
    /// These entries.
    Read {
        /// In the order in which they were added.
        entries: Vec<TakenEntry>,
        /// Whether the partition had no more.
        is_end: bool,
    },
    /// The claim isn't valid any more. The worker cuts off its handlers there.
    Lost,
    /// The order of further entries isn't certain under this claim, after a broken connection for example. The worker
    /// begins no more of the partition, releases it when its handlers there have ended, and claims it again.
    Interrupted,
    /// This partition couldn't be read, and others can. The worker tries again later.
    Failed(QueueError),
}

/// An entry of a partition.
#[derive(Debug)]
#[non_exhaustive]
pub struct TakenEntry {
    /// Its id, which no other entry of the partition has.
    pub id: Arc<str>,
    /// Its [chat's key](super::chat_key). Entries with the same key are handled one after the other.
    pub chat_key: Arc<str>,
    /// The entry with its update, if it was read with the id.
    pub entry: Option<BegunEntry>,
}

impl TakenEntry {
    /// An entry with this id, of this chat, whose update is read when its turn comes.
    pub fn new(id: impl Into<Arc<str>>, chat_key: impl Into<Arc<str>>) -> Self {
        Self {
            id: id.into(),
            chat_key: chat_key.into(),
            entry: None,
        }
    }

    /// Has the entry's update, so that it isn't read once more. Its [`attempt`](BegunEntry::attempt) is how many attempts
    /// it has had by now. Only one without any is kept, as far as there is
    /// [memory](super::Worker::max_read_ahead_bytes); others are read again when their turn comes.
    ///
    /// An engine may leave updates out. Default: `None`.
    pub fn with_entry(mut self, entry: BegunEntry) -> Self {
        self.entry = Some(entry);
        self
    }
}

/// A record about an entry, for [`QueueReader::record`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EntryRecord {
    /// The claim on the entry's partition.
    pub claim: PartitionClaim,
    /// The entry's id.
    pub id: Arc<str>,
    /// The kind of the record.
    pub kind: RecordKind,
}

impl EntryRecord {
    pub(super) fn new(claim: PartitionClaim, id: Arc<str>, kind: RecordKind) -> Self {
        Self { claim, id, kind }
    }
}

/// The kind of an [`EntryRecord`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RecordKind {
    /// An attempt begins at an entry that the worker doesn't have: it is counted, and the result is
    /// [`RecordResult::Begun`].
    Begin {
        /// Distinguishes the attempt from others at the entry under any claim. Recorded again under the same name,
        /// it is the same attempt.
        attempt_name: Arc<str>,
    },
    /// Nothing: the entry is read before its turn, and the result is [`RecordResult::Read`]. The worker then begins it
    /// without waiting until the attempt is counted. An engine may answer
    /// [`RecordResult::Gone`] instead, and each attempt then waits for its own round trip.
    ReadAhead,
    /// The update is handled, and the entry is removed.
    Settle,
    /// Sets the number of counted attempts: to 1 when the first attempt begins at an entry that the worker has read, and
    /// to one less when an attempt was deferred. The entry stays.
    Count {
        /// How many.
        attempts: u32,
    },
    /// The update is abandoned: the entry is removed, and becomes a dead letter.
    DeadLetter {
        /// After so many attempts.
        attempts: u32,
        /// The last error with its causes, for people to read; at most 1000 bytes.
        failure: Arc<str>,
    },
}

/// The result of an [`EntryRecord`].
#[derive(Debug)]
#[non_exhaustive]
pub enum RecordResult {
    /// The attempt was counted, and can begin.
    Begun(BegunEntry),
    /// The entry, whose `attempt` is how many attempts it has had by now.
    Read(BegunEntry),
    /// It was recorded, or the entry doesn't exist any more, which is the same except for an attempt.
    Recorded,
    /// The entry of an attempt doesn't exist any more, or isn't read ahead.
    Gone,
    /// The claim isn't valid any more, and nothing was recorded.
    Lost,
    /// This record failed, and others didn't. The worker makes it again later.
    Failed(QueueError),
}

/// The entry of an attempt that begins.
#[derive(Debug)]
#[non_exhaustive]
pub struct BegunEntry {
    /// How many attempts the entry has had, by any worker, this one included.
    pub attempt: u32,
    /// The update and its bot, or why the entry is no update: then it becomes a dead letter.
    pub update: Result<(Option<BotId>, RawUpdate), Failure>,
    /// The trace context in which the update was added: a `traceparent` as in W3C's
    /// [Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header). Others are passed over.
    pub trace_context: Option<Box<str>>,
}

impl BegunEntry {
    /// The attempt of this number at this update.
    pub fn new(attempt: u32, update: Result<(Option<BotId>, RawUpdate), Failure>) -> Self {
        Self {
            attempt,
            update,
            trace_context: None,
        }
    }
}

/// How much waits in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionDepth {
    /// Which partition.
    pub partition: u16,
    /// How many updates it has, those included that are being handled.
    pub updates: u32,
    /// How long the oldest has been there.
    pub age: Duration,
}

impl PartitionDepth {
    /// So many updates in a partition, the oldest of which has been there for so long.
    pub fn new(partition: u16, updates: u32, age: Duration) -> Self {
        Self {
            partition,
            updates,
            age,
        }
    }
}

/// Takes updates out of a queue for one worker. Implement it, and [`QueueWriter`](super::QueueWriter), to queue
/// updates in a system of your own; [`Worker::new`](super::Worker::new) runs it.
///
/// The worker does the rest: it keeps the order within a chat, runs the handlers, pauses after a failure, puts records
/// together, and shuts down. It relies on this:
///
/// 1. **Partitions.** The updates of a chat are in one partition, which one worker has at a time, by a claim.
/// 2. **Order.** A partition's entries are read in the order in which they were added. A new claim reads all entries
///    that weren't removed, from the oldest on, whether another worker had read them or not.
/// 3. **Claims end.** The claim of a worker that died or hangs ends by itself, about a [lease](Self::lease) after it was
///    last renewed. A claim is valid for at least a quarter of the lease after the beginning of the call of
///    [`claim`](Self::claim) that returned it. Records under a claim that has ended have no effect, and their
///    result is `Lost`.
/// 4. **Attempts count**, so that an update that kills its worker is abandoned too. A count outlives its worker. An
///    attempt is counted before it begins, except at an entry that follows such an attempt in its chat and that was
///    read already.
/// 5. **Calls are repeated**: one whose answer was lost is made again, and must then have no further effect.
/// 6. **Dropped futures.** That of [`wait`](Self::wait) is dropped all the time, and must lose no event then. The
///    others are dropped after the worker's [`call_timeout`](super::Worker::call_timeout), 10 seconds by default: the call
///    counts as one whose answer was lost. They are also dropped with the worker, which is as if it had died.
///
/// A queue may lose what its engine loses, and nothing else: say in its documentation what that is.
///
/// # Errors
///
/// After an error the worker goes on, and tries again for as long as it takes; except after one of
/// [`QueueError::partitions`] or [`QueueError::settings`], which ends it once its handlers have ended.
pub trait QueueReader: Send + Sync + 'static {
    /// About how long a claim is valid after it was renewed. The worker renews claims in every quarter of that time, and
    /// at least every second.
    fn lease(&self) -> Duration;

    /// The queue's name, which metrics have as a label. Default: an empty text.
    // An engine's own name lives as long as the engine.
    #[allow(clippy::unnecessary_literal_bound)]
    fn queue_name(&self) -> &str {
        ""
    }

    /// Renews the claims that are held, and claims free partitions up to a fair share, which depends on how many
    /// workers there are. A worker that is leaving claims no more, and doesn't count.
    ///
    /// A claim that is held and missing in the result was lost: the worker cuts off its handlers there.
    fn claim(
        &self,
        held: &[PartitionClaim],
        is_leaving: bool,
    ) -> impl Future<Output = Result<HeldPartitions, QueueError>> + Send;

    /// Gives these partitions back, so that another worker can claim them at once. No handler runs there any more.
    fn release(
        &self,
        claims: &[PartitionClaim],
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Reads entries, and waits for none: one result for each of `wanted`, in that order. Entries that the worker has
    /// read under the same claim are read again if `after` is before them.
    fn take(
        &self,
        wanted: &[WantedEntries],
    ) -> impl Future<Output = Result<Vec<TakenEntries>, QueueError>> + Send;

    /// Makes records: one result for each of `records`, in that order. The records about an entry take effect in their
    /// order, and each of them under a valid claim or not at all.
    fn record(
        &self,
        records: &[EntryRecord],
    ) -> impl Future<Output = Result<Vec<RecordResult>, QueueError>> + Send;

    /// Waits until entries may have been added to a partition: which, or `None` for any of them. Dropped while it
    /// waits, it must lose no event. Default: waits for ever.
    fn wait(&self) -> impl Future<Output = Option<u16>> + Send {
        pending()
    }

    /// Whether [`wait`](Self::wait) reports all entries that are added, by any process. The worker asks for entries
    /// every [`poll_every`](super::Worker::poll_every) otherwise. Default: `false`.
    fn reports_additions(&self) -> bool {
        false
    }

    /// Counts what waits in these partitions, for metrics. Default: an empty list.
    fn depth(
        &self,
        partitions: &[u16],
    ) -> impl Future<Output = Result<Vec<PartitionDepth>, QueueError>> + Send {
        let _ = partitions;
        ready(Ok(Vec::new()))
    }
}

pub(super) type ReaderFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`QueueReader`] as a trait object, so that a worker's type doesn't name it.
pub(super) trait ErasedReader: Send + Sync {
    fn lease(&self) -> Duration;

    fn queue_name(&self) -> &str;

    fn claim<'a>(
        &'a self,
        held: &'a [PartitionClaim],
        is_leaving: bool,
    ) -> ReaderFuture<'a, Result<HeldPartitions, QueueError>>;

    fn release<'a>(
        &'a self,
        claims: &'a [PartitionClaim],
    ) -> ReaderFuture<'a, Result<(), QueueError>>;

    fn take<'a>(
        &'a self,
        wanted: &'a [WantedEntries],
    ) -> ReaderFuture<'a, Result<Vec<TakenEntries>, QueueError>>;

    fn record<'a>(
        &'a self,
        records: &'a [EntryRecord],
    ) -> ReaderFuture<'a, Result<Vec<RecordResult>, QueueError>>;

    fn wait(&self) -> ReaderFuture<'_, Option<u16>>;

    fn reports_additions(&self) -> bool;

    fn depth<'a>(
        &'a self,
        partitions: &'a [u16],
    ) -> ReaderFuture<'a, Result<Vec<PartitionDepth>, QueueError>>;
}

impl<R: QueueReader> ErasedReader for R {
    fn lease(&self) -> Duration {
        QueueReader::lease(self)
    }

    fn queue_name(&self) -> &str {
        QueueReader::queue_name(self)
    }

    fn claim<'a>(
        &'a self,
        held: &'a [PartitionClaim],
        is_leaving: bool,
    ) -> ReaderFuture<'a, Result<HeldPartitions, QueueError>> {
        Box::pin(QueueReader::claim(self, held, is_leaving))
    }

    fn release<'a>(
        &'a self,
        claims: &'a [PartitionClaim],
    ) -> ReaderFuture<'a, Result<(), QueueError>> {
        Box::pin(QueueReader::release(self, claims))
    }

    fn take<'a>(
        &'a self,
        wanted: &'a [WantedEntries],
    ) -> ReaderFuture<'a, Result<Vec<TakenEntries>, QueueError>> {
        Box::pin(QueueReader::take(self, wanted))
    }

    fn record<'a>(
        &'a self,
        records: &'a [EntryRecord],
    ) -> ReaderFuture<'a, Result<Vec<RecordResult>, QueueError>> {
        Box::pin(QueueReader::record(self, records))
    }

    fn wait(&self) -> ReaderFuture<'_, Option<u16>> {
        Box::pin(QueueReader::wait(self))
    }

    fn reports_additions(&self) -> bool {
        QueueReader::reports_additions(self)
    }

    fn depth<'a>(
        &'a self,
        partitions: &'a [u16],
    ) -> ReaderFuture<'a, Result<Vec<PartitionDepth>, QueueError>> {
        Box::pin(QueueReader::depth(self, partitions))
    }
}
