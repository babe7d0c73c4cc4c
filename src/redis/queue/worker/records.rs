//! Records of attempts in Redis, many of them in one call.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep, sleep_until},
};

use super::{
    queued_chat::QueuedChat,
    unreachable::{REDIS_PAUSE, log_unreachable},
};
use crate::redis::queue::{
    error::QueueError,
    update_queue::{QueueKey, UpdateQueue},
};

/// How many records are made in one call, which keeps Redis from other work meanwhile.
const BATCH: usize = 128;

/// How long the record that an update is done waits for others. The chat's next update follows within that time,
/// and shares its round trip.
const COMPANY: Duration = Duration::from_millis(1);

/// The keys before those of streams, whose numbers begin with 1 in Lua.
const FIRST_STREAM: usize = 4;

/// Makes the records of a worker's attempts, in the order in which they are asked for.
///
/// One call is under way at a time. The records that are asked for meanwhile go together into the next, so that a busy
/// worker makes many with one round trip, and an idle one makes each at once. A call that fails is repeated until
/// Redis responds: every record may be made twice.
pub(super) struct Recorder {
    state: Mutex<RecorderState>,
    changed: Notify,
    settled: Notify,
}

#[derive(Default)]
struct RecorderState {
    waiting: VecDeque<Record>,
    /// Finished updates whose record failed by itself, in the order of time.
    delayed: VecDeque<(Instant, Record)>,
    /// How many finished updates of each partition aren't recorded yet.
    unsettled: HashMap<u16, usize>,
}

/// A record about an entry.
#[derive(Clone, Debug)]
pub(super) enum RecordKind {
    /// An attempt of this name begins.
    Begin(Arc<str>),
    /// This update is done.
    Finish(i64),
    /// So many attempts count.
    Forget(u32),
    /// It is abandoned after so many attempts, because of this.
    Bury(u32, Arc<str>),
}

impl RecordKind {
    fn update_id(&self) -> Option<i64> {
        match self {
            Self::Finish(update_id) => Some(*update_id),
            Self::Begin(_) | Self::Forget(_) | Self::Bury(..) => None,
        }
    }
}

struct Record {
    kind: RecordKind,
    chat: QueuedChat,
    entry: Arc<str>,
    /// None for a finished update: no caller waits for that.
    answer: Option<oneshot::Sender<Vec<Bytes>>>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            settled: Notify::new(),
        }
    }

    /// Makes a record, and waits for Redis' answer.
    pub(super) async fn record(
        &self,
        kind: RecordKind,
        chat: &QueuedChat,
        entry: &Arc<str>,
    ) -> Result<Vec<Bytes>, QueueError> {
        let (answer, answered) = oneshot::channel();
        self.push(kind, chat, entry, Some(answer));
        // The sender is dropped with the worker, which takes its attempts with it.
        let answer = answered.await.map_err(|_| QueueError::unreadable())?;
        match &answer[..] {
            [what, error] if &**what == b"failed" => Err(QueueError::refused(error)),
            _ => Ok(answer),
        }
    }

    /// Has it recorded that an update is done, before any later record of its chat.
    pub(super) fn finish(&self, update_id: i64, chat: &QueuedChat, entry: &Arc<str>) {
        *self.state().unsettled.entry(chat.partition).or_default() += 1;
        self.push(RecordKind::Finish(update_id), chat, entry, None);
    }

    fn push(
        &self,
        kind: RecordKind,
        chat: &QueuedChat,
        entry: &Arc<str>,
        answer: Option<oneshot::Sender<Vec<Bytes>>>,
    ) {
        let (chat, entry) = (chat.clone(), Arc::clone(entry));
        let record = Record {
            kind,
            chat,
            entry,
            answer,
        };
        self.state().waiting.push_back(record);
        self.changed.notify_one();
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
    pub(super) async fn run(self: Arc<Self>, queue: UpdateQueue) {
        loop {
            self.until_due().await;
            let batch = self.state().take_batch();
            if batch.is_empty() {
                continue;
            }
            match send(&queue, &batch).await {
                Ok(answers) => self.answered(batch, answers),
                Err(error) => {
                    log_unreachable(&error, "failed to record attempts, trying again");
                    self.put_back(batch);
                    sleep(REDIS_PAUSE).await;
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
                } else if state.is_urgent() {
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

    fn put_back(&self, batch: Vec<Record>) {
        let mut state = self.state();
        for record in batch.into_iter().rev() {
            state.waiting.push_front(record);
        }
    }

    fn answered(&self, batch: Vec<Record>, answers: Vec<Vec<Bytes>>) {
        for (record, answer) in batch.into_iter().zip(answers) {
            match record.answer {
                // Its attempt may have been cut off.
                Some(waiting) => drop(waiting.send(answer)),
                None => self.finished(record, &answer),
            }
        }
    }

    fn finished(&self, record: Record, answer: &[Bytes]) {
        let partition = record.chat.partition;
        let update_id = record.kind.update_id();
        match answer {
            [what, error] if &**what == b"failed" => {
                let error = String::from_utf8_lossy(error);
                tracing::warn!(update_id, partition, %error, "failed to record that an update is done, trying again");
                let due = Instant::now() + REDIS_PAUSE;
                self.state().delayed.push_back((due, record));
                return;
            }
            [what, ..] if &**what == b"lost" => {
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
    /// A caller waits, or there are enough for a call.
    fn is_urgent(&self) -> bool {
        let waits = |record: &Record| record.answer.is_some();
        self.waiting.len() >= BATCH || self.waiting.iter().any(waits)
    }

    fn take_delayed(&mut self) {
        let now = Instant::now();
        while self.delayed.front().is_some_and(|&(due, _)| due <= now) {
            self.waiting
                .extend(self.delayed.pop_front().map(|(_, record)| record));
        }
    }

    /// The next records, without those whose attempt was cut off before they were made.
    fn take_batch(&mut self) -> Vec<Record> {
        let count = self.waiting.len().min(BATCH);
        let mut batch: Vec<_> = if count == self.waiting.len() {
            mem::take(&mut self.waiting).into()
        } else {
            self.waiting.drain(..count).collect()
        };
        batch.retain(|record| {
            record
                .answer
                .as_ref()
                .is_none_or(|answer| !answer.is_closed())
        });
        batch
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

async fn send(queue: &UpdateQueue, batch: &[Record]) -> Result<Vec<Vec<Bytes>>, QueueError> {
    let mut streams: Vec<u16> = batch.iter().map(|record| record.chat.partition).collect();
    streams.sort_unstable();
    streams.dedup();
    let keys = [QueueKey::Attempts, QueueKey::Dead].into_iter();
    let keys = keys.chain(streams.iter().map(|&number| QueueKey::Stream(number)));
    let mut call = queue.call("record", keys).arg(queue.max_dead_letters);
    for record in batch {
        let partition = record.chat.partition;
        let stream = streams.binary_search(&partition).unwrap_or_default() + FIRST_STREAM;
        let (what, first, second) = match &record.kind {
            RecordKind::Begin(name) => ("begin", name.to_string(), ""),
            RecordKind::Finish(_) => ("finish", String::new(), ""),
            RecordKind::Forget(attempts) => ("forget", attempts.to_string(), ""),
            RecordKind::Bury(attempts, failure) => ("bury", attempts.to_string(), &**failure),
        };
        call = call.arg(what).arg(partition).arg(record.chat.fence);
        call = call.arg(stream).arg(&*record.entry).arg(first).arg(second);
    }
    let answers: Vec<Vec<Bytes>> = queue.connection.run(call).await?;
    if answers.len() == batch.len() {
        Ok(answers)
    } else {
        Err(QueueError::unreadable())
    }
}
