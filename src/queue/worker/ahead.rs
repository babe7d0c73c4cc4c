//! Entries that are read before their turn, so that a chat's attempts don't each wait for a round trip.
//!
//! An attempt that follows others in its chat begins at once if its entry was read, and is counted a moment later. If its
//! update ends the process before that, the next worker notices: the first attempt in a chat is always counted before it
//! begins, and if it isn't that update's first one, a worker died there. The next 31 updates of the chat are then counted
//! before they begin. So the update ends one worker more than its attempts allow, and two or three more if a process ends
//! between two records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::queue::reader::BegunEntry;

/// How many entries of a chat begin at once after an attempt that was counted before it began.
pub(super) const MOST_AHEAD: usize = 31;

/// The memory of an entry besides its update, in bytes.
const OVERHEAD: usize = 256;

/// The memory of a message of a few words, in bytes.
pub(super) const SMALL_ENTRY: usize = 2 * OVERHEAD;

/// An entry that was read before its turn, or none, and whether its attempt waits until it is counted.
#[derive(Debug, Default)]
pub(super) struct EntryAhead(Mutex<AheadState>);

#[derive(Debug, Default)]
struct AheadState {
    /// The entry, with a permit for each of its bytes.
    read: Option<(BegunEntry, OwnedSemaphorePermit)>,
    turn: AheadTurn,
}

/// Whether an attempt waits until it is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AheadTurn {
    /// It does, unless one before it in the chat is counted first.
    #[default]
    Counted,
    /// One before it was counted, so that it doesn't.
    AtOnce,
    /// It does in any case.
    Forbidden,
}

impl EntryAhead {
    /// Keeps the entry if no attempt was made at it, and if there is a permit for each of its bytes.
    pub(super) fn put(&self, entry: BegunEntry, bytes: &Arc<Semaphore>) {
        if entry.attempt == 0
            && let Ok(size) = u32::try_from(size(&entry))
            && let Ok(permit) = Arc::clone(bytes).try_acquire_many_owned(size)
        {
            self.state().read = Some((entry, permit));
        }
    }

    /// The entry, which isn't there any more then.
    pub(super) fn take(&self) -> Option<BegunEntry> {
        self.state().read.take().map(|(entry, _)| entry)
    }

    pub(super) fn is_there(&self) -> bool {
        self.state().read.is_some()
    }

    /// Whether its attempt needs no round trip before it begins.
    pub(super) fn begins_at_once(&self) -> bool {
        let state = self.state();
        state.read.is_some() && state.turn == AheadTurn::AtOnce
    }

    /// Whether it may begin before it is counted.
    pub(super) fn is_allowed(&self) -> bool {
        self.state().turn != AheadTurn::Forbidden
    }

    /// An attempt before it in its chat was counted before it began.
    pub(super) fn allow(&self) {
        let mut state = self.state();
        if state.turn == AheadTurn::Counted {
            state.turn = AheadTurn::AtOnce;
        }
    }

    /// From now on it doesn't begin before it is counted.
    pub(super) fn forbid(&self) {
        self.state().turn = AheadTurn::Forbidden;
    }

    fn state(&self) -> MutexGuard<'_, AheadState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(entry: &BegunEntry) -> usize {
    let update = entry.update.as_ref();
    OVERHEAD + update.map_or(0, |(_, update)| update.bytes().len())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, convert::Infallible, future::pending, time::Duration};

    use http::{Request, Response};
    use tokio::{
        sync::mpsc::unbounded_channel,
        time::{Instant, sleep, timeout},
    };
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::{
        Client,
        client::{ApiRequest, ApiResponse},
        queue::{
            QueueError, Worker,
            reader::{
                EntryRecord, HeldPartitions, PartitionClaim, QueueReader, RecordKind, RecordResult,
                TakenEntries, TakenEntry, WantedEntries,
            },
        },
        webhook::{Failure, RawUpdate, ReplyBody},
    };

    const SECOND: Duration = Duration::from_secs(1);

    /// A partition with updates of one chat, by their attempts. Records take a second.
    #[derive(Clone)]
    struct SlowQueue(Arc<Mutex<SlowState>>);

    #[derive(Default)]
    struct SlowState {
        waiting: BTreeMap<i64, Attempts>,
        dead_letters: Vec<i64>,
        /// Whether updates are read with their entries.
        reads_with_entries: bool,
        /// How many were read with an attempt that began.
        read_in_turn: usize,
        /// How many were read ahead.
        read_ahead: usize,
        /// How many records said that an attempt begins.
        begun: usize,
        claims: u64,
    }

    #[derive(Default)]
    struct Attempts {
        count: u32,
        last_name: Option<Arc<str>>,
    }

    impl SlowQueue {
        fn new(updates: i64) -> Self {
            let waiting = (0..updates).map(|id| (id, Attempts::default()));
            let waiting = waiting.collect();
            Self(Arc::new(Mutex::new(SlowState {
                waiting,
                ..SlowState::default()
            })))
        }

        fn state(&self) -> MutexGuard<'_, SlowState> {
            self.0.lock().unwrap()
        }
    }

    fn entry(id: i64, attempts: u32) -> BegunEntry {
        let json = format!(r#"{{"update_id":{id},"message":{{}}}}"#);
        let update = RawUpdate::from_bytes(json.into()).map_err(Failure::permanent);
        BegunEntry::new(attempts, update.map(|update| (None, update)))
    }

    impl SlowState {
        fn taken(&self, (&id, attempts): (&i64, &Attempts), max_bytes: usize) -> TakenEntry {
            let taken = TakenEntry::new(id.to_string(), "0:7");
            if !self.reads_with_entries || max_bytes == 0 {
                return taken;
            }
            taken.with_entry(entry(id, attempts.count))
        }

        fn record(&mut self, record: &EntryRecord) -> RecordResult {
            let id = record.id.parse().unwrap();
            let Some(attempts) = self.waiting.get_mut(&id) else {
                return RecordResult::Gone;
            };
            match &record.kind {
                RecordKind::Begin { attempt_name } => {
                    self.begun += 1;
                    self.read_in_turn += 1;
                    if attempts.last_name.replace(attempt_name.clone()).as_ref()
                        != Some(attempt_name)
                    {
                        attempts.count += 1;
                    }
                    return RecordResult::Begun(entry(id, attempts.count));
                }
                RecordKind::ReadAhead => {
                    self.read_ahead += 1;
                    return RecordResult::Read(entry(id, attempts.count));
                }
                RecordKind::Count { attempts: number } => {
                    self.begun += 1;
                    attempts.count = *number;
                    return RecordResult::Recorded;
                }
                RecordKind::DeadLetter { .. } => self.dead_letters.push(id),
                _ => {}
            }
            self.waiting.remove(&id);
            RecordResult::Recorded
        }
    }

    impl QueueReader for SlowQueue {
        fn lease(&self) -> Duration {
            3600 * SECOND
        }

        async fn claim(
            &self,
            held: &[PartitionClaim],
            _: bool,
        ) -> Result<HeldPartitions, QueueError> {
            let mut claims = held.to_vec();
            if claims.is_empty() {
                let mut state = self.state();
                state.claims += 1;
                claims.push(PartitionClaim::new(0, state.claims));
            }
            Ok(HeldPartitions::new(claims, 1))
        }

        async fn release(&self, _: &[PartitionClaim]) -> Result<(), QueueError> {
            Ok(())
        }

        async fn take(&self, wanted: &[WantedEntries]) -> Result<Vec<TakenEntries>, QueueError> {
            let state = self.state();
            let is_first = wanted[0].after.is_none();
            let waiting = state.waiting.iter().filter(|_| is_first);
            let taken = waiting.map(|waiting| state.taken(waiting, wanted[0].max_bytes));
            Ok(vec![TakenEntries::Read {
                entries: taken.collect(),
                is_end: true,
            }])
        }

        async fn record(&self, records: &[EntryRecord]) -> Result<Vec<RecordResult>, QueueError> {
            sleep(SECOND).await;
            let mut state = self.state();
            Ok(records.iter().map(|record| state.record(record)).collect())
        }
    }

    fn client() -> Client {
        Client::from_service(service_fn(|_: ApiRequest| {
            pending::<Result<ApiResponse, BoxError>>()
        }))
    }

    const UPDATES: i64 = 32;

    /// How many seconds a worker takes for a chat's updates, and how many of them it reads ahead.
    async fn time_with(change: fn(Worker) -> Worker) -> (u64, usize) {
        let queue = SlowQueue::new(UPDATES);
        let seconds = time_over(&queue, change).await;
        let read_ahead = queue.state().read_ahead;
        (seconds, read_ahead)
    }

    async fn time_over(queue: &SlowQueue, change: fn(Worker) -> Worker) -> u64 {
        let (sent, mut handled) = unbounded_channel();
        let service = service_fn(move |request: Request<RawUpdate>| {
            sent.send(request.body().update_id()).unwrap();
            async { Ok::<_, Infallible>(Response::new(ReplyBody::default())) }
        });
        let began = Instant::now();
        let reader = queue.clone();
        let worker = change(Worker::new(move || reader.clone(), client()));
        let worker = tokio::spawn(worker.run(service));
        for id in 0..UPDATES {
            assert_eq!(handled.recv().await, Some(id));
        }
        worker.abort();
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn d8_the_updates_of_a_chat_share_a_round_trip_before_their_attempts() {
        let (seconds, read_ahead) = time_with(|worker| worker).await;
        assert_eq!((seconds, read_ahead), (1, MOST_AHEAD));
    }

    #[tokio::test(start_paused = true)]
    async fn d8_updates_that_were_read_with_their_entries_are_not_read_again() {
        let queue = SlowQueue::new(2 * UPDATES);
        queue.state().reads_with_entries = true;
        let seconds = time_over(&queue, |worker| worker).await;
        assert_eq!(
            seconds, 1,
            "the first attempt alone waits until it is counted"
        );
        let read = {
            let state = queue.state();
            (state.read_in_turn, state.read_ahead)
        };
        assert_eq!(read, (0, 0));

        let queue = SlowQueue::new(UPDATES);
        queue.state().reads_with_entries = true;
        let seconds = time_over(&queue, |worker| worker.max_read_ahead_bytes(0)).await;
        assert_eq!(seconds, 32, "there is no memory for them");
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_has_ended_already_is_recorded_as_done_alone() {
        let queue = SlowQueue::new(UPDATES);
        let service = service_fn(|_: Request<RawUpdate>| async {
            Ok::<_, Infallible>(Response::new(ReplyBody::default()))
        });
        let reader = queue.clone();
        let worker = Worker::new(move || reader.clone(), client());
        let worker = tokio::spawn(worker.run(service));
        while !queue.state().waiting.is_empty() {
            sleep(SECOND).await;
        }
        worker.abort();
        assert_eq!(queue.state().begun, 1, "the first one's");
    }

    #[tokio::test(start_paused = true)]
    async fn d8_the_bytes_that_are_read_ahead_have_a_bound() {
        let (seconds, read_ahead) = time_with(|worker| worker.max_read_ahead_bytes(0)).await;
        assert_eq!((seconds, read_ahead), (32, 0));
        // Three of them fit, so that four share a round trip.
        let (seconds, read_ahead) = time_with(|worker| worker.max_read_ahead_bytes(1000)).await;
        assert_eq!(seconds, 8);
        assert!(read_ahead > 24, "{read_ahead}");
    }

    #[tokio::test(start_paused = true)]
    async fn d6_an_update_behind_others_that_kills_its_worker_at_once_is_abandoned_soon() {
        for reads_with_entries in [false, true] {
            let queue = SlowQueue::new(UPDATES);
            queue.state().reads_with_entries = reads_with_entries;
            abandons_the_last(&queue).await;
        }
    }

    /// The last update ends its worker in each attempt.
    async fn abandons_the_last(queue: &SlowQueue) {
        let poison = UPDATES - 1;
        let mut killed = 0;
        while queue.state().dead_letters.is_empty() {
            let (sent, mut handled) = unbounded_channel();
            let service = service_fn(move |request: Request<RawUpdate>| {
                let id = request.body().update_id();
                sent.send(id).unwrap();
                async move {
                    if id == poison {
                        pending::<()>().await;
                    }
                    Ok::<_, Infallible>(Response::new(ReplyBody::default()))
                }
            });
            let reader = queue.clone();
            let worker = Worker::new(move || reader.clone(), client()).max_attempts(2);
            let worker = tokio::spawn(worker.run(service));
            let killing = async { while handled.recv().await != Some(poison) {} };
            // Only a worker that doesn't begin it lives that long.
            if timeout(300 * SECOND, killing).await.is_ok() {
                killed += 1;
            }
            assert!(killed <= 3, "two attempts, and one that isn't counted");
            worker.abort();
            drop(worker.await);
        }
        let state = queue.state();
        assert_eq!(
            (state.dead_letters.clone(), state.waiting.len()),
            (vec![poison], 0)
        );
    }

    #[test]
    fn an_entry_with_attempts_is_not_kept() {
        let ahead = EntryAhead::default();
        let bytes = Arc::new(Semaphore::new(1000));
        for (attempts, is_kept) in [(0, true), (1, false)] {
            let entry = BegunEntry::new(attempts, Err(Failure::permanent("no update")));
            ahead.put(entry, &bytes);
            assert_eq!(ahead.take().is_some(), is_kept, "{attempts}");
            assert!(ahead.take().is_none(), "it is taken once");
        }
    }

    #[test]
    fn an_entry_takes_permits_until_it_is_taken() {
        let bytes = Arc::new(Semaphore::new(OVERHEAD));
        let read = || BegunEntry::new(0, Err(Failure::permanent("no update")));
        let (first, second) = (EntryAhead::default(), EntryAhead::default());
        first.put(read(), &bytes);
        second.put(read(), &bytes);
        assert_eq!((first.is_there(), second.is_there()), (true, false));
        assert!(first.take().is_some());
        assert_eq!(bytes.available_permits(), OVERHEAD);
        second.put(read(), &bytes);
        assert!(second.is_there());
    }

    #[test]
    fn an_entry_begins_at_once_if_it_was_read_and_follows_a_counted_attempt() {
        let bytes = Arc::new(Semaphore::new(1000));
        let read = || BegunEntry::new(0, Err(Failure::permanent("no update")));
        let ahead = EntryAhead::default();
        ahead.put(read(), &bytes);
        assert!(!ahead.begins_at_once(), "no attempt before it was counted");
        ahead.allow();
        assert!(ahead.begins_at_once());
        assert!(ahead.take().is_some());
        assert!(!ahead.begins_at_once(), "it is to be read again");
        ahead.put(read(), &bytes);
        ahead.forbid();
        ahead.allow();
        assert!(!ahead.begins_at_once() && !ahead.is_allowed());
        assert!(ahead.is_there(), "it isn't read again");
    }
}
