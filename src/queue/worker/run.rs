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
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tower::BoxError;
use tower_service::Service;

use super::{
    ahead::MOST_AHEAD,
    attempt::QueueAttempts,
    depth,
    entry::QueueEntry,
    failed_call::{CALL_PAUSE, log_failed_call},
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
            ErasedReader, HeldPartitions, PartitionClaim, TakenEntries, TakenEntry, WantedEntries,
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

/// A call that reads partitions.
type Fetching = Pin<Box<dyn Future<Output = Fetched> + Send>>;

struct Fetched {
    claims: Vec<PartitionClaim>,
    results: Result<Vec<TakenEntries>, QueueError>,
}

pub(super) struct WorkerRun<S> {
    attempts: Arc<QueueAttempts<S>>,
    reader: Arc<dyn ErasedReader>,
    partitions: HashMap<u16, Partition>,
    runner: Runner<QueuedChat, QueueEntry>,
    fetching: Option<Fetching>,
    next_tick: Instant,
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
            next_tick: now,
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
        let mut timer = pin!(sleep_until(self.next_tick));
        loop {
            self.start();
            self.start_fetch();
            let next = self.next_tick.min(self.next_look);
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            // The claims come first: they must be renewed however much there is to do.
            tokio::select! {
                biased;
                () = shutdown.as_mut() => return Ok(()),
                () = timer.as_mut() => self.on_time().await?,
                fetched = fetched(&mut self.fetching) => self.fetched(fetched),
                partition = self.reader.wait() => self.wake(partition),
                event = self.runner.next() => self.all_ended(event),
            }
        }
    }

    /// Does what is due now.
    async fn on_time(&mut self) -> Result<(), QueueError> {
        let now = Instant::now();
        if self.next_tick <= now {
            self.tick().await?;
        }
        if self.next_look <= now {
            self.look();
        }
        Ok(())
    }

    /// Waits for the handlers that run, and gives all partitions back.
    pub(super) async fn drain(&mut self) {
        self.stays = false;
        self.attempts.stop_repeats();
        self.runner.retire(|_| true);
        for partition in self.partitions.values_mut() {
            partition.leaving = true;
        }
        self.next_tick = Instant::now();
        let mut end = pin!(sleep(self.settings().shutdown_timeout));
        while self.runner.is_running(|_| true) {
            tokio::select! {
                biased;
                () = &mut end => break,
                () = sleep_until(self.next_tick) => drop(timeout_at(end.deadline(), self.tick()).await),
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
        drop(timeout(UNCOUNT_TIMEOUT, self.tick()).await);
        self.recording.abort_all();
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

    /// Records the depth of the partitions, if that is due.
    async fn measure(&mut self) -> Result<(), QueueError> {
        if !metric::IS_ON || Instant::now() < self.next_measure {
            return Ok(());
        }
        self.next_measure = Instant::now() + depth::MEASURE_EVERY;
        let partitions: Vec<_> = self.partitions.keys().copied().collect();
        let depths = self.reader.depth(&partitions).await?;
        depth::record(self.reader.queue_name(), &depths);
        Ok(())
    }

    /// Sends a heartbeat, renews the claims, and claims or leaves partitions up to a fair share.
    async fn tick(&mut self) -> Result<(), QueueError> {
        self.next_tick = Instant::now() + (self.reader.lease() / 4).min(HEARTBEAT);
        if let Err(error) = self.give_back().await {
            log_failed_call(&error, "failed to release partitions");
        }
        match self.claim().await {
            Err(error) if error.is_partitions() => return Err(error),
            Err(error) => log_failed_call(&error, "failed to renew claims on partitions"),
            Ok(()) => {
                if let Err(error) = self.measure().await {
                    log_unmeasured(&error);
                }
            }
        }
        Ok(())
    }

    /// Gives back the partitions to leave in which no handler runs and all is recorded.
    async fn give_back(&mut self) -> Result<(), QueueError> {
        let is_idle = |number: u16| {
            self.attempts.recorder.is_settled(number)
                && !self
                    .runner
                    .is_running(|chat| chat.claim.partition == number)
        };
        let idle = |partition: &&Partition| partition.leaving && is_idle(partition.claim.partition);
        let idle = self.partitions.values().filter(idle);
        let idle: Vec<_> = idle.map(|partition| partition.claim).collect();
        if idle.is_empty() {
            return Ok(());
        }
        self.reader.release(&idle).await?;
        for claim in idle {
            self.remove(claim.partition);
        }
        Ok(())
    }

    async fn claim(&mut self) -> Result<(), QueueError> {
        let held: Vec<_> = self.partitions.values().map(|held| held.claim).collect();
        let called = Instant::now();
        let HeldPartitions { claims, share } = self.reader.claim(&held, !self.stays).await?;
        self.attempts.claims.renewed(called);
        self.hold(&claims);
        if self.stays {
            self.keep_to(share);
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
            self.partitions
                .entry(claim.partition)
                .or_insert_with(|| Partition::new(claim));
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
        self.next_tick = Instant::now();
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
        self.fetching = None;
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

/// Waits for the call that is under way, if there is one.
async fn fetched(fetching: &mut Option<Fetching>) -> Fetched {
    match fetching {
        Some(fetching) => fetching.await,
        None => pending().await,
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
    use std::{convert::Infallible, future::ready};

    use tower::service_fn;

    use super::*;
    use crate::{
        Client,
        client::ApiRequest,
        queue::{
            Worker,
            reader::{EntryRecord, QueueReader, RecordResult},
        },
    };

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

    /// A chat's earlier updates may be left to the next worker already.
    #[tokio::test]
    async fn d8_updates_that_arrive_when_their_partition_is_being_left_do_not_begin() {
        let client = Client::from_service(service_fn(|_: ApiRequest| {
            pending::<Result<crate::client::ApiResponse, BoxError>>()
        }));
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
