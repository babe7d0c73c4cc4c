//! The loop of a worker: claims, reading and starting attempts.

use std::{
    collections::HashMap,
    future::{Future, pending},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use http::{Request, Response};
use tokio::{
    task::{JoinSet, coop::consume_budget},
    time::{Instant, sleep, sleep_until, timeout},
};
use tower::BoxError;
use tower_service::Service;

use super::{
    ahead::MOST_AHEAD,
    attempt::QueueAttempts,
    depth,
    entry::QueueEntry,
    failed_call::{CALL_PAUSE, log_failed_call},
    heartbeat::{Heartbeat, HeartbeatResult},
    partition::Partition,
    queued_chat::QueuedChat,
    settings::WorkerSettings,
    timed_reader::TimedReader,
};
use crate::{
    client::ErrorChain,
    queue::{
        error::QueueError,
        reader::{
            ErasedReader, PartitionClaim, PartitionDepth, TakenEntries, TakenEntry, WantedEntries,
        },
    },
    runner::{RECORD_TIME, Runner, RunnerEvent},
    telemetry::{metric, names},
    webhook::{RawUpdate, ReplyBody},
};

/// The longest time between two heartbeats, and so how soon other workers notice that one starts or ends.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a shutdown tries to uncount the attempts that it cut off.
const UNCOUNT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a worker that waits for messages looks for updates nevertheless, in case a message was lost.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many entries one call reads at most, because the engine may do nothing else meanwhile; but some of each
/// partition.
const MOST_AT_ONCE: usize = 512;
const FEWEST_OF_EACH: usize = 16;

/// How many bytes of updates one call reads at most with their entries.
const MOST_BYTES_AT_ONCE: usize = 1 << 20;

/// While so many chats wait for each handler that may run, no further entries are read.
const ENOUGH_CHATS: usize = 4;

/// A call of the engine that is under way, while the worker goes on.
type EngineCall<T> = Pin<Box<dyn Future<Output = T> + Send>>;

type Depths = Result<Vec<PartitionDepth>, QueueError>;

struct Fetched {
    claims: Vec<PartitionClaim>,
    results: Result<Vec<TakenEntries>, QueueError>,
}

pub(super) struct WorkerRun<S> {
    attempts: Arc<QueueAttempts<S>>,
    reader: Arc<dyn ErasedReader>,
    partitions: HashMap<u16, Partition>,
    runner: Runner<QueuedChat, QueueEntry>,
    fetching: Option<EngineCall<Fetched>>,
    beating: Option<EngineCall<HeartbeatResult>>,
    measuring: Option<EngineCall<Depths>>,
    next_heartbeat: Instant,
    /// When all partitions are read whether a message came or not.
    next_look: Instant,
    /// After a call failed.
    no_fetch_before: Instant,
    /// When the metrics of the partitions are due.
    next_measure: Instant,
    stays: bool,
    /// The recorder, which ends with this.
    recording: JoinSet<()>,
}

impl<S> WorkerRun<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) fn new(worker: WorkerSettings, service: S) -> Self {
        let now = Instant::now();
        let reader = TimedReader::new((worker.open)(), worker.call_timeout);
        let reader: Arc<dyn ErasedReader> = Arc::new(reader);
        let runner = Runner::new(worker.concurrency);
        let attempts = Arc::new(QueueAttempts::new(worker, reader.lease(), service));
        let mut recording = JoinSet::new();
        recording.spawn(Arc::clone(&attempts.recorder).run(Arc::clone(&reader)));
        Self {
            runner,
            attempts,
            reader,
            partitions: HashMap::new(),
            fetching: None,
            beating: None,
            measuring: None,
            next_heartbeat: now,
            next_look: now,
            no_fetch_before: now,
            next_measure: now,
            stays: true,
            recording,
        }
    }

    fn settings(&self) -> &WorkerSettings {
        &self.attempts.worker
    }

    pub(super) async fn until<F>(&mut self, mut shutdown: Pin<&mut F>) -> Result<(), QueueError>
    where
        F: Future<Output = ()>,
    {
        // One timer for all turns of the loop, because setting one takes a part of the time of an update.
        let mut timer = pin!(sleep_until(self.next_heartbeat));
        loop {
            self.start();
            self.start_fetch();
            let next = match self.beating {
                // The next one begins after its end.
                Some(_) => self.next_look,
                None => self.next_heartbeat.min(self.next_look),
            };
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            // The claims come first: they must be renewed however much there is to do.
            tokio::select! {
                biased;
                () = shutdown.as_mut() => return Ok(()),
                beat = end_of(&mut self.beating) => self.heard(beat)?,
                () = timer.as_mut() => self.on_time(),
                depths = end_of(&mut self.measuring) => self.measured(depths),
                fetched = end_of(&mut self.fetching) => self.fetched(fetched),
                event = next_event(&mut self.runner, &*self.reader) => match event {
                    WorkerEvent::Attempt(event) => self.all_ended(event),
                    WorkerEvent::Added(partition) => {
                        self.wake(partition);
                        // An engine that always has one mustn't keep its thread from other tasks.
                        consume_budget().await;
                    }
                },
            }
        }
    }

    /// Starts a heartbeat or a look, if they are due.
    fn on_time(&mut self) {
        let now = Instant::now();
        if self.next_heartbeat <= now && self.beating.is_none() {
            self.start_heartbeat();
        }
        if self.next_look <= now {
            self.look();
        }
    }

    pub(super) fn shutdown_timeout(&self) -> Duration {
        self.settings().shutdown_timeout
    }

    /// For how long other workers leave the partitions alone, if they aren't renewed.
    pub(super) fn claims_left(&self) -> Duration {
        self.attempts.claims.left()
    }

    /// Waits for the handlers that run, for this long, and gives all partitions back.
    pub(super) async fn drain(&mut self, limit: Duration) {
        self.stays = false;
        self.attempts.stop_repeats();
        self.runner.retire(|_| true);
        for partition in self.partitions.values_mut() {
            partition.leaving = true;
        }
        self.next_heartbeat = Instant::now();
        let mut end = pin!(sleep(limit));
        while self.runner.is_running(|_| true) {
            tokio::select! {
                biased;
                () = &mut end => break,
                beat = end_of(&mut self.beating) => drop(self.heard(beat)),
                () = sleep_until(self.next_heartbeat), if self.beating.is_none() => self.start_heartbeat(),
                event = self.runner.next() => self.ended(event),
            }
        }
        if self.attempts.cut_off_replies() {
            for event in self.runner.settle(RECORD_TIME).await {
                self.ended(event);
            }
        }
        self.cut_off().await;
        // An update that is done but not recorded would be handled again by another worker.
        drop(timeout(UNCOUNT_TIMEOUT, self.attempts.recorder.settled()).await);
        drop(timeout(UNCOUNT_TIMEOUT, self.leave()).await);
        self.recording.abort_all();
        self.attempts.left_running_ended(end.deadline()).await;
    }

    /// Gives back all partitions.
    async fn leave(&mut self) {
        if self.beating.is_some() {
            // One that hangs is dropped, so that the last one has time too.
            match timeout(UNCOUNT_TIMEOUT / 2, end_of(&mut self.beating)).await {
                Ok(beat) => drop(self.heard(beat)),
                Err(_) => self.beating = None,
            }
        }
        self.start_heartbeat();
        let beat = end_of(&mut self.beating).await;
        drop(self.heard(beat));
    }

    /// A handler that had no time to end hasn't failed: its attempt isn't counted.
    async fn cut_off(&mut self) {
        let cut_off = self.runner.shutdown().await;
        if cut_off.is_empty() {
            return;
        }
        let handlers = cut_off.len();
        tracing::warn!(
            cut_off = handlers,
            "handlers cut off, other workers will handle their updates"
        );
        let uncounting = async {
            for (chat, entry) in cut_off {
                self.attempts.uncount(&chat, &entry).await;
            }
        };
        if timeout(UNCOUNT_TIMEOUT, uncounting).await.is_err() {
            tracing::warn!(
                "attempts that were cut off stay counted, because the queue doesn't respond"
            );
        }
    }

    /// Starts attempts while there is room.
    fn start(&mut self) {
        self.runner.start_in_row(|chat, entry, following, tries| {
            let attempts = Arc::clone(&self.attempts);
            let is_alone = entry.begins_at_once() || tries.failed > 0;
            let count = if is_alone { 0 } else { MOST_AHEAD };
            let following = following.take(count).cloned().collect();
            attempts.attempt(chat.clone(), entry.clone(), following, tries)
        });
    }

    /// This event, and those that are there already.
    fn all_ended(&mut self, event: RunnerEvent<QueuedChat, QueueEntry>) {
        self.ended(event);
        while let Some(event) = self.runner.try_next() {
            self.ended(event);
        }
    }

    fn ended(&mut self, event: RunnerEvent<QueuedChat, QueueEntry>) {
        match event {
            RunnerEvent::Done(chat, _) => {
                let partition = self.partitions.get_mut(&chat.claim.partition);
                if let Some(partition) = partition.filter(|held| held.claim == chat.claim) {
                    partition.finish();
                }
            }
            RunnerEvent::Lost(chat) => {
                let partition = self.partitions.get(&chat.claim.partition);
                if partition.is_some_and(|held| held.claim == chat.claim) {
                    self.lose(chat.claim.partition);
                }
            }
            RunnerEvent::Waiting => {}
        }
    }

    /// Another worker has the partition. Its handlers here are cut off.
    fn lose(&mut self, number: u16) {
        self.remove(number);
        self.runner.cut_off(|chat| chat.claim.partition == number);
    }

    fn remove(&mut self, number: u16) {
        self.partitions.remove(&number);
        if metric::IS_ON {
            depth::forget(self.reader.queue_name(), number);
        }
    }

    /// Has the depth of the partitions measured, if that is due.
    fn start_measuring(&mut self) {
        if !metric::IS_ON || self.measuring.is_some() || Instant::now() < self.next_measure {
            return;
        }
        self.next_measure = Instant::now() + depth::MEASURE_EVERY;
        let partitions: Vec<_> = self.partitions.keys().copied().collect();
        let reader = Arc::clone(&self.reader);
        self.measuring = Some(Box::pin(async move { reader.depth(&partitions).await }));
    }

    fn measured(&self, depths: Depths) {
        match depths {
            Ok(mut depths) => {
                // One may have been given back meanwhile.
                depths.retain(|depth| self.partitions.contains_key(&depth.partition));
                depth::record(self.reader.queue_name(), &depths);
            }
            Err(error) => log_unmeasured(&error),
        }
    }

    /// Starts to send a heartbeat: it gives back the partitions that are idle, renews the claims on the others, and claims
    /// partitions up to a fair share.
    fn start_heartbeat(&mut self) {
        self.next_heartbeat = Instant::now() + (self.reader.lease() / 4).min(HEARTBEAT);
        let heartbeat = Heartbeat {
            idle: self.idle(),
            held: self.partitions.values().map(|held| held.claim).collect(),
            is_leaving: !self.stays,
        };
        self.beating = Some(Box::pin(heartbeat.send(Arc::clone(&self.reader))));
    }

    /// The claims on partitions that are being left, in which no handler runs and all is recorded.
    fn idle(&self) -> Vec<PartitionClaim> {
        let is_idle = |number: u16| {
            self.attempts.recorder.is_settled(number)
                && !self
                    .runner
                    .is_running(|chat| chat.claim.partition == number)
        };
        let idle = |partition: &&Partition| partition.leaving && is_idle(partition.claim.partition);
        let idle = self.partitions.values().filter(idle);
        idle.map(|partition| partition.claim).collect()
    }

    fn heard(&mut self, beat: HeartbeatResult) -> Result<(), QueueError> {
        for claim in beat.released {
            self.remove(claim.partition);
        }
        match beat.claimed {
            Ok(held) => {
                self.attempts.claims.renewed(beat.called);
                self.hold(&held.claims);
                if self.stays {
                    self.keep_to(held.share);
                }
                self.start_measuring();
            }
            Err(error) if error.is_final() => return Err(error),
            Err(error) => log_failed_call(&error, "failed to renew claims on partitions"),
        }
        Ok(())
    }

    /// Keeps these partitions and no others.
    fn hold(&mut self, claims: &[PartitionClaim]) {
        let held = self.partitions.values().map(|held| held.claim);
        let lost: Vec<_> = held.filter(|claim| !claims.contains(claim)).collect();
        for PartitionClaim { partition, .. } in lost {
            names::CLAIMS_LOST.increment([]);
            tracing::warn!(partition, "partition lost to another worker");
            self.lose(partition);
        }
        for &claim in claims {
            let new = self.partitions.entry(claim.partition);
            let partition = new.or_insert_with(|| Partition::new(claim));
            // A heartbeat that began before a shutdown may bring new ones.
            partition.leaving |= !self.stays;
        }
    }

    /// Leaves the partitions beyond its share that have the fewest updates.
    fn keep_to(&mut self, share: usize) {
        let staying = self.partitions.values_mut().filter(|p| !p.leaving);
        let mut staying: Vec<_> = staying.collect();
        let excess = staying.len().saturating_sub(share);
        if excess > 0 {
            staying.sort_by_key(|partition| partition.load());
            for partition in staying.into_iter().take(excess) {
                partition.leaving = true;
            }
            self.begin_leaving();
        }
    }

    /// Begins no more in the partitions that are being left, and gives back those that are idle at once.
    fn begin_leaving(&mut self) {
        let partitions = &self.partitions;
        self.runner.retire(|chat| {
            partitions
                .get(&chat.claim.partition)
                .is_none_or(|held| held.leaving)
        });
        self.next_heartbeat = Instant::now();
    }

    /// An update was added to a partition that had been read to its end, or to any.
    fn wake(&mut self, partition: Option<u16>) {
        match partition {
            None => self.look(),
            Some(number) => {
                let partition = self.partitions.get_mut(&number);
                partition.map(Partition::added);
            }
        }
    }

    /// Has all partitions read, whether a message came or not.
    fn look(&mut self) {
        for partition in self.partitions.values_mut() {
            partition.added();
        }
        let poll_every = self.settings().poll_every;
        let pause = if self.reader.reports_additions() {
            poll_every.max(LOOK_EVERY)
        } else {
            poll_every
        };
        self.next_look = Instant::now() + pause;
    }

    /// Starts to read the partitions that may have more, while attempts go on.
    fn start_fetch(&mut self) {
        let enough = self.settings().concurrency.saturating_mul(ENOUGH_CHATS);
        if self.fetching.is_some() || self.runner.ready() >= enough {
            return;
        }
        let wanting = self.partitions.values_mut().filter(|held| held.wants() > 0);
        let mut wanting: Vec<_> = wanting.collect();
        if wanting.is_empty() {
            return;
        }
        let most = (MOST_AT_ONCE / wanting.len()).max(FEWEST_OF_EACH);
        let room = self.attempts.recorder.room().min(MOST_BYTES_AT_ONCE);
        let max_bytes = room / wanting.len();
        let mut wanted = Vec::with_capacity(wanting.len());
        for partition in &mut wanting {
            let count = partition.wants().min(most);
            let (claim, last) = (partition.claim, partition.last());
            wanted.push(WantedEntries::new(claim, last, count, max_bytes));
            partition.read_starts();
        }
        let (reader, start) = (Arc::clone(&self.reader), self.no_fetch_before);
        self.fetching = Some(Box::pin(async move {
            sleep_until(start).await;
            let results = reader.take(&wanted).await;
            Fetched {
                claims: wanted.into_iter().map(|wanted| wanted.claim).collect(),
                results,
            }
        }));
    }

    fn fetched(&mut self, fetched: Fetched) {
        match fetched.results {
            Ok(results) => {
                for (claim, result) in fetched.claims.into_iter().zip(results) {
                    self.take(claim, result);
                }
            }
            Err(error) => {
                log_failed_call(&error, "failed to fetch updates from the queue");
                for claim in fetched.claims {
                    let partition = self.partitions.get_mut(&claim.partition);
                    partition.map(Partition::read_again);
                }
                let pause = CALL_PAUSE.max(self.settings().poll_every);
                self.no_fetch_before = Instant::now() + pause;
            }
        }
    }

    /// Takes the result of reading a partition.
    fn take(&mut self, claim: PartitionClaim, result: TakenEntries) {
        let held = self.partitions.get_mut(&claim.partition);
        // Leaving it began after the call: a chat's updates before these may be left to the next worker already.
        let Some(partition) = held.filter(|held| held.claim == claim && !held.leaving) else {
            return;
        };
        match result {
            TakenEntries::Read { entries, is_end } => {
                let last = entries.last().map(|entry| Arc::clone(&entry.id));
                // Otherwise it would be read again and again.
                let is_end = is_end || entries.is_empty();
                partition.read_to(last, is_end);
                for TakenEntry {
                    id,
                    chat_key,
                    entry,
                } in entries
                {
                    partition.add();
                    let key = key(&id, chat_key);
                    let chat = QueuedChat { claim, key };
                    let queued = QueueEntry::new(id);
                    if let Some(entry) = entry {
                        self.attempts.recorder.keep(&queued, entry);
                    }
                    self.runner.push(chat, queued);
                }
            }
            TakenEntries::Failed(error) => {
                let (partition_number, error) = (claim.partition, ErrorChain(&error));
                tracing::warn!(partition = partition_number, %error, "failed to read partition of the queue");
                partition.read_failed();
            }
            TakenEntries::Interrupted => {
                partition.leaving = true;
                self.begin_leaving();
            }
            // As the next heartbeat says too.
            TakenEntries::Lost => self.lose(claim.partition),
        }
    }
}

/// Waits for the end of the call that is under way; for ever if there is none. Dropped while it waits, it loses no result.
async fn end_of<T>(calling: &mut Option<EngineCall<T>>) -> T {
    match calling {
        Some(call) => {
            let result = call.await;
            *calling = None;
            result
        }
        None => pending().await,
    }
}

/// An event that may be as frequent as the others of its kind.
enum WorkerEvent {
    /// An attempt or a pause has ended.
    Attempt(RunnerEvent<QueuedChat, QueueEntry>),
    /// Updates were added to a partition, or to any.
    Added(Option<u16>),
}

/// Waits for one of these, in no order of preference: an engine that reports additions without a pause must not hold up
/// attempts that ended, nor they the additions.
async fn next_event(
    runner: &mut Runner<QueuedChat, QueueEntry>,
    reader: &dyn ErasedReader,
) -> WorkerEvent {
    tokio::select! {
        event = runner.next() => WorkerEvent::Attempt(event),
        partition = reader.wait() => WorkerEvent::Added(partition),
    }
}

/// The claims are renewed nevertheless.
fn log_unmeasured(error: &QueueError) {
    let error = ErrorChain(error);
    tracing::warn!(%error, "failed to measure the queue");
}

/// The key of an entry's chat. An entry of another program may have none, and is alone under its id.
fn key(id: &str, chat_key: Arc<str>) -> Arc<str> {
    if chat_key.is_empty() {
        return format!("entry:{id}").into();
    }
    chat_key
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        future::ready,
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use tokio::sync::{mpsc::unbounded_channel, oneshot};
    use tower::{Layer as _, service_fn};

    use super::*;
    use crate::{
        Client,
        client::ApiRequest,
        queue::{
            Worker,
            reader::{
                BegunEntry, EntryRecord, HeldPartitions, QueueReader, RecordKind, RecordResult,
            },
        },
        webhook::{Failure, HandlerTimeoutLayer},
    };

    const SECOND: Duration = Duration::from_secs(1);

    /// A queue of which every call fails.
    struct NoQueue;

    impl QueueReader for NoQueue {
        fn lease(&self) -> Duration {
            Duration::from_secs(10)
        }

        async fn claim(&self, _: &[PartitionClaim], _: bool) -> Result<HeldPartitions, QueueError> {
            Err(QueueError::new("no queue"))
        }

        async fn release(&self, _: &[PartitionClaim]) -> Result<(), QueueError> {
            Err(QueueError::new("no queue"))
        }

        async fn take(&self, _: &[WantedEntries]) -> Result<Vec<TakenEntries>, QueueError> {
            Err(QueueError::new("no queue"))
        }

        async fn record(&self, _: &[EntryRecord]) -> Result<Vec<RecordResult>, QueueError> {
            Err(QueueError::new("no queue"))
        }
    }

    fn client() -> Client {
        Client::from_service(service_fn(|_: ApiRequest| {
            pending::<Result<crate::client::ApiResponse, BoxError>>()
        }))
    }

    /// A partition with three updates of a chat.
    #[derive(Default)]
    struct OneChat {
        claims: AtomicUsize,
        /// After so many claims, the queue has another number of partitions.
        valid_claims: usize,
        /// Whether it reports additions all the time.
        is_busy: bool,
        settled: Mutex<Vec<Arc<str>>>,
    }

    impl QueueReader for Arc<OneChat> {
        fn lease(&self) -> Duration {
            4 * SECOND
        }

        async fn claim(&self, _: &[PartitionClaim], _: bool) -> Result<HeldPartitions, QueueError> {
            if self.claims.fetch_add(1, Ordering::Relaxed) >= self.valid_claims {
                return Err(QueueError::partitions("7"));
            }
            Ok(HeldPartitions::new(vec![PartitionClaim::new(0, 1)], 1))
        }

        async fn release(&self, _: &[PartitionClaim]) -> Result<(), QueueError> {
            Ok(())
        }

        async fn take(&self, wanted: &[WantedEntries]) -> Result<Vec<TakenEntries>, QueueError> {
            let is_first = wanted[0].after.is_none();
            let ids: &[_] = if is_first { &["1", "2", "3"] } else { &[] };
            Ok(vec![TakenEntries::Read {
                entries: ids.iter().map(|&id| TakenEntry::new(id, "0:7")).collect(),
                is_end: true,
            }])
        }

        async fn record(&self, records: &[EntryRecord]) -> Result<Vec<RecordResult>, QueueError> {
            let result = |record: &EntryRecord| match record.kind {
                RecordKind::Begin { .. } => {
                    let update = format!(r#"{{"update_id":{},"message":{{}}}}"#, record.id);
                    let update = RawUpdate::from_bytes(update.into());
                    let update = update.map(|update| (None, update));
                    RecordResult::Begun(BegunEntry::new(1, update.map_err(Failure::permanent)))
                }
                RecordKind::ReadAhead => RecordResult::Gone,
                RecordKind::Settle => {
                    self.settled.lock().unwrap().push(Arc::clone(&record.id));
                    RecordResult::Recorded
                }
                _ => RecordResult::Recorded,
            };
            Ok(records.iter().map(result).collect())
        }

        async fn wait(&self) -> Option<u16> {
            if self.is_busy { None } else { pending().await }
        }
    }

    /// After its claims, another worker has its partitions.
    #[tokio::test(start_paused = true)]
    async fn d10_a_worker_that_an_error_ends_waits_for_its_handlers_while_it_has_its_claims() {
        for (seconds, settled) in [(3, &["1"][..]), (5, &[])] {
            let began = Instant::now();
            assert_eq!(settled_after_an_error(seconds).await, settled, "{seconds}");
            assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
        }
    }

    /// The updates that are done, where the queue has another number of partitions after its first claim.
    async fn settled_after_an_error(seconds: u32) -> Vec<String> {
        let queue = Arc::new(OneChat {
            valid_claims: 1,
            ..OneChat::default()
        });
        let service = service_fn(move |_: Request<RawUpdate>| async move {
            sleep(seconds * SECOND).await;
            Ok::<_, Infallible>(Response::new(ReplyBody::default()))
        });
        let opened = Arc::clone(&queue);
        let worker = Worker::new(move || Arc::clone(&opened), client());
        let error = worker.run(service).await.unwrap_err();
        assert!(error.is_partitions(), "{error}");
        let settled = queue.settled.lock().unwrap();
        settled.iter().map(ToString::to_string).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn d19_a_worker_that_shuts_down_waits_for_handlers_that_were_left_running() {
        for (limit, all_end) in [(60, true), (4, false)] {
            let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let counts = (Arc::clone(&begun), Arc::clone(&ended));
            let handler = service_fn(move |_: Request<RawUpdate>| {
                let (begun, ended) = counts.clone();
                async move {
                    begun.fetch_add(1, Ordering::Relaxed);
                    sleep(20 * SECOND).await;
                    ended.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, Infallible>(Response::new(ReplyBody::default()))
                }
            });
            let timed = HandlerTimeoutLayer::new(SECOND).leave_running();
            let queue = || OneChat {
                valid_claims: usize::MAX,
                ..OneChat::default()
            };
            let worker = Worker::new(move || Arc::new(queue()), client())
                .max_attempts(1)
                .shutdown_timeout(limit * SECOND);
            let shutdown = sleep(SECOND / 2);
            let running = worker.run_until(timed.layer(handler), shutdown);
            running.await.unwrap();
            assert_eq!(begun.load(Ordering::Relaxed), 1);
            assert_eq!(ended.load(Ordering::Relaxed) == 1, all_end);
        }
    }

    #[tokio::test]
    async fn d8_an_engine_that_reports_additions_without_a_pause_holds_up_no_chat() {
        let (sent, mut handled) = unbounded_channel();
        let service = service_fn(move |request: Request<RawUpdate>| {
            sent.send(request.body().update_id()).unwrap();
            ready(Ok::<_, Infallible>(Response::new(ReplyBody::default())))
        });
        let queue = || OneChat {
            valid_claims: usize::MAX,
            is_busy: true,
            ..OneChat::default()
        };
        let worker = Worker::new(move || Arc::new(queue()), client());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = worker.run_until(service, async { drop(stopped.await) });
        let running = tokio::spawn(running);
        for update_id in 1..=3 {
            let next = timeout(20 * SECOND, handled.recv()).await;
            assert_eq!(next, Ok(Some(update_id)));
        }
        drop(stop);
        running.await.unwrap().unwrap();
    }

    /// A chat's earlier updates may be left to the next worker already.
    #[tokio::test]
    async fn d8_updates_that_arrive_when_their_partition_is_being_left_do_not_begin() {
        let client = client();
        let service = service_fn(|_: Request<RawUpdate>| {
            ready(Ok::<_, Infallible>(Response::new(ReplyBody::default())))
        });
        for (leaving, token, begins) in [(false, 1, true), (true, 1, false), (false, 2, false)] {
            let worker = Worker::new(|| NoQueue, client.clone());
            let mut run = WorkerRun::new(worker.settings, service);
            let mut partition = Partition::new(PartitionClaim::new(0, 1));
            partition.leaving = leaving;
            run.partitions.insert(0, partition);
            let read = TakenEntries::Read {
                entries: vec![TakenEntry::new("5-0", "0:7")],
                is_end: true,
            };
            run.take(PartitionClaim::new(0, token), read);
            assert_eq!(!run.runner.is_empty(), begins, "{leaving}, {token}");
        }
    }
}
