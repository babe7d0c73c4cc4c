//! Records of attempts, many of them in one call.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, oneshot},
    task::yield_now,
    time::{Instant, sleep, sleep_until},
};

use super::{
    ahead::SMALL_ENTRY,
    entry::QueueEntry,
    failed_call::{CALL_PAUSE, log_failed_call},
};
use crate::{
    client::ErrorChain,
    queue::{
        error::QueueError,
        reader::{BegunEntry, EntryRecord, ErasedReader, PartitionClaim, RecordKind, RecordResult},
    },
};

/// How many records are made in one call, which may keep the engine from other work meanwhile.
const BATCH: usize = 128;

/// How long the record that an update is done waits for others. The chat's next update follows within that time,
/// and shares its round trip.
const COMPANY: Duration = Duration::from_millis(1);

/// Makes the records of a worker's attempts, in the order in which they are asked for.
///
/// One call is under way at a time. The records that are asked for meanwhile go together into the next, so that a busy
/// worker makes many with one round trip, and an idle one makes each at once. A call that fails is repeated until
/// it succeeds: every record may be made twice.
pub(super) struct Recorder {
    state: Mutex<RecorderState>,
    changed: Notify,
    settled: Notify,
    /// A permit for each byte that may be read ahead.
    ahead: Arc<Semaphore>,
}

#[derive(Default)]
struct RecorderState {
    waiting: VecDeque<Record>,
    /// Whether a caller waits for the result of one of these.
    is_urgent: bool,
    /// Finished updates whose record failed by itself, in the order of time.
    delayed: VecDeque<(Instant, Record)>,
    /// How many finished updates of each partition aren't recorded yet.
    unsettled: HashMap<u16, usize>,
}

struct Record {
    record: EntryRecord,
    end: RecordEnd,
}

impl Record {
    /// Whether a caller waits for its result.
    fn has_caller(&self) -> bool {
        matches!(self.end, RecordEnd::Answer(_))
    }
}

/// The consequence of a record's result.
enum RecordEnd {
    /// A caller waits for the result.
    Answer(oneshot::Sender<RecordResult>),
    /// This update is done, and no caller waits for that.
    Settled { update_id: i64 },
    /// The entry is kept there until its turn.
    Ahead(QueueEntry),
    /// An attempt has begun that doesn't wait for it.
    Begun,
}

impl Recorder {
    pub(super) fn new(max_read_ahead_bytes: usize) -> Self {
        let bytes = max_read_ahead_bytes.min(Semaphore::MAX_PERMITS);
        Self {
            ahead: Arc::new(Semaphore::new(bytes)),
            state: Mutex::default(),
            changed: Notify::new(),
            settled: Notify::new(),
        }
    }

    /// Makes a record, and waits for its result.
    pub(super) async fn record(
        &self,
        kind: RecordKind,
        claim: PartitionClaim,
        id: &Arc<str>,
    ) -> Result<RecordResult, QueueError> {
        let (answer, answered) = oneshot::channel();
        let record = EntryRecord::new(claim, Arc::clone(id), kind);
        let end = RecordEnd::Answer(answer);
        self.push(Record { record, end });
        // The sender is dropped with the worker, which takes its attempts with it.
        let result = answered.await;
        match result.map_err(|_| QueueError::new("the worker ended"))? {
            RecordResult::Failed(error) => Err(error),
            result => Ok(result),
        }
    }

    /// How many more bytes may be read ahead.
    pub(super) fn room(&self) -> usize {
        self.ahead.available_permits()
    }

    /// Whether there is memory for a small entry, so that reading ahead succeeds.
    pub(super) fn can_read_ahead(&self) -> bool {
        self.room() >= SMALL_ENTRY
    }

    /// Keeps an entry that was read until its turn, if there is memory for it.
    pub(super) fn keep(&self, entry: &QueueEntry, read: BegunEntry) {
        entry.ahead().put(read, &self.ahead);
    }

    /// Records that an attempt begins, and reads the entries that follow it in its chat, with the same round trip.
    pub(super) async fn begin(
        &self,
        kind: RecordKind,
        claim: PartitionClaim,
        id: &Arc<str>,
        following: Vec<QueueEntry>,
    ) -> Result<RecordResult, QueueError> {
        // Before the attempt, so that they are there when its result is.
        for entry in following {
            let id = Arc::clone(&entry.id);
            let record = EntryRecord::new(claim, id, RecordKind::ReadAhead);
            let end = RecordEnd::Ahead(entry);
            self.push(Record { record, end });
        }
        self.record(kind, claim, id).await
    }

    /// Has it recorded that an attempt begins, before any later record of its chat.
    pub(super) fn begun(&self, kind: RecordKind, claim: PartitionClaim, id: &Arc<str>) {
        let record = EntryRecord::new(claim, Arc::clone(id), kind);
        let end = RecordEnd::Begun;
        self.push(Record { record, end });
    }

    /// Has it recorded that an update is done, before any later record of its chat.
    pub(super) fn settle(&self, update_id: i64, claim: PartitionClaim, id: &Arc<str>) {
        let mut state = self.state();
        *state.unsettled.entry(claim.partition).or_default() += 1;
        state.forget_begun(id);
        drop(state);
        let record = EntryRecord::new(claim, Arc::clone(id), RecordKind::Settle);
        let end = RecordEnd::Settled { update_id };
        self.push(Record { record, end });
    }

    fn push(&self, record: Record) {
        let is_news = self.state().push(record);
        if is_news {
            self.changed.notify_one();
        }
    }

    /// Whether all finished updates of a partition are recorded.
    pub(super) fn is_settled(&self, partition: u16) -> bool {
        !self.state().unsettled.contains_key(&partition)
    }

    /// Waits until all finished updates are recorded.
    pub(super) async fn settled(&self) {
        loop {
            let settled = self.settled.notified();
            if self.state().unsettled.is_empty() {
                return;
            }
            settled.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, RecorderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the records that are asked for, for ever.
    pub(super) async fn run(self: Arc<Self>, reader: Arc<dyn ErasedReader>) {
        loop {
            self.until_due().await;
            // Attempts that are ready to run have their records in the same call.
            yield_now().await;
            let (records, ends) = self.state().take_batch();
            if records.is_empty() {
                continue;
            }
            let result = reader.record(&records).await;
            let batch = records.into_iter().zip(ends);
            let batch = batch.map(|(record, end)| Record { record, end });
            match result {
                Ok(results) if results.len() == batch.len() => self.answered(batch, results),
                failed => {
                    let wrong_number = || QueueError::new("wrong number of results");
                    let error = failed.err().unwrap_or_else(wrong_number);
                    log_failed_call(&error, "failed to record attempts, trying again");
                    self.state().put_back(batch);
                    sleep(CALL_PAUSE).await;
                }
            }
        }
    }

    /// Waits until there is something to record now.
    async fn until_due(&self) {
        let mut company_until = None;
        loop {
            let changed = self.changed.notified();
            let due = {
                let mut state = self.state();
                state.take_delayed();
                if state.waiting.is_empty() {
                    state.delayed.front().map(|&(until, _)| until)
                } else if state.is_due() {
                    return;
                } else {
                    Some(*company_until.get_or_insert_with(|| Instant::now() + COMPANY))
                }
            };
            match due {
                None => changed.await,
                Some(due) => {
                    tokio::select! {
                        () = changed => {}
                        () = sleep_until(due) => if company_until.is_some() {
                            return;
                        }
                    }
                }
            }
        }
    }

    fn answered(&self, batch: impl Iterator<Item = Record>, results: Vec<RecordResult>) {
        for (Record { record, end }, result) in batch.zip(results) {
            match end {
                // Its attempt may have been cut off.
                RecordEnd::Answer(waiting) => drop(waiting.send(result)),
                RecordEnd::Settled { update_id } => self.settled_as(update_id, record, &result),
                RecordEnd::Ahead(entry) => {
                    if let RecordResult::Read(read) = result {
                        self.keep(&entry, read);
                    }
                }
                // If the claim was lost, the next record of the entry says so.
                RecordEnd::Begun => {}
            }
        }
    }

    fn settled_as(&self, update_id: i64, record: EntryRecord, result: &RecordResult) {
        let partition = record.claim.partition;
        match result {
            RecordResult::Failed(error) => {
                let error = ErrorChain(error);
                tracing::warn!(update_id, partition, %error, "failed to record that an update is done, trying again");
                let due = Instant::now() + CALL_PAUSE;
                let end = RecordEnd::Settled { update_id };
                let again = Record { record, end };
                self.state().delayed.push_back((due, again));
                return;
            }
            RecordResult::Lost => {
                tracing::warn!(
                    update_id,
                    partition,
                    "update handled after its partition was lost"
                );
            }
            _ => {}
        }
        self.state().settle(partition);
        self.settled.notify_waiters();
    }
}

impl RecorderState {
    /// Returns whether it changes the time of the next call.
    fn push(&mut self, record: Record) -> bool {
        let was_due = self.is_due();
        self.is_urgent |= record.has_caller();
        self.waiting.push_back(record);
        self.waiting.len() == 1 || self.is_due() != was_due
    }

    /// A caller waits, or there are enough for a call.
    fn is_due(&self) -> bool {
        self.is_urgent || self.waiting.len() >= BATCH
    }

    /// An entry is done: that its attempt has begun needs no record any more, unless a call is making it.
    fn forget_begun(&mut self, id: &Arc<str>) {
        let is_its_own = |each: &Record| {
            matches!(each.end, RecordEnd::Begun) && Arc::ptr_eq(&each.record.id, id)
        };
        if let Some(place) = self.waiting.iter().rposition(is_its_own) {
            self.waiting.remove(place);
        }
    }

    fn take_delayed(&mut self) {
        let now = Instant::now();
        while self.delayed.front().is_some_and(|&(due, _)| due <= now) {
            self.waiting
                .extend(self.delayed.pop_front().map(|(_, record)| record));
        }
    }

    /// The next records, without those whose attempt was cut off before they were made.
    fn take_batch(&mut self) -> (Vec<EntryRecord>, Vec<RecordEnd>) {
        let count = self.waiting.len().min(BATCH);
        let batch = self.waiting.drain(..count);
        let is_wanted = |record: &Record| match &record.end {
            RecordEnd::Answer(answer) => !answer.is_closed(),
            RecordEnd::Settled { .. } | RecordEnd::Ahead(_) | RecordEnd::Begun => true,
        };
        let batch = batch.filter(is_wanted);
        let batch = batch.map(|record| (record.record, record.end)).unzip();
        self.is_urgent = self.waiting.iter().any(Record::has_caller);
        batch
    }

    /// These go into the next call, before all others.
    fn put_back(&mut self, batch: impl DoubleEndedIterator<Item = Record>) {
        for record in batch.rev() {
            self.is_urgent |= record.has_caller();
            self.waiting.push_front(record);
        }
    }

    fn settle(&mut self, partition: u16) {
        if let Some(count) = self.unsettled.get_mut(&partition) {
            *count -= 1;
            if *count == 0 {
                self.unsettled.remove(&partition);
            }
        }
    }
}
