//! The loop of a worker: claims, reading and starting attempts.

use std::{
    collections::HashMap,
    future::{Future, pending},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tower::BoxError;
use tower_service::Service;

use super::{
    attempt::{QueueAttempts, QueueEntry},
    depth,
    partition::Partition,
    queued_chat::QueuedChat,
    settings::WorkerSettings,
    unreachable::{REDIS_PAUSE, log_unreachable},
};
use crate::{
    client::ErrorChain,
    redis::{
        connection,
        queue::{
            error::QueueError,
            update_queue::{QueueKey, text},
        },
        values::{micros, number},
        wake_ups::{WakeUp, WakeUpWaiter},
    },
    runner::{Runner, RunnerEvent},
    task::random::random_u64,
    telemetry::{metric, names},
    webhook::{RawUpdate, ReplyBody},
};

/// The longest time between two heartbeats, and so how soon other workers notice that one starts or ends.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a shutdown tries to uncount the attempts that it cut off.
const UNCOUNT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a worker that is woken by messages looks for updates nevertheless, in case a message was lost.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many entries one call reads at most, because Redis does nothing else meanwhile; but some of each partition.
const MOST_AT_ONCE: usize = 512;
const FEWEST_OF_EACH: usize = 16;

/// While so many chats wait for each handler that may run, no further entries are read.
const ENOUGH_CHATS: usize = 4;

/// A call that reads partitions, under their claims' numbers.
type Fetching = Pin<Box<dyn Future<Output = Fetched> + Send>>;

struct Fetched {
    partitions: Vec<(u16, u64)>,
    answers: Result<Vec<Vec<Bytes>>, connection::Error>,
}

pub(super) struct WorkerRun<S> {
    attempts: Arc<QueueAttempts<S>>,
    name: Box<str>,
    partitions: HashMap<u16, Partition>,
    runner: Runner<QueuedChat, QueueEntry>,
    wake_ups: WakeUpWaiter,
    fetching: Option<Fetching>,
    next_tick: Instant,
    /// When all partitions are read whether a message came or not.
    next_look: Instant,
    /// After Redis couldn't be reached.
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
        let random = random_u64();
        let queue = worker.queue.clone();
        let runner = Runner::new(worker.concurrency);
        let attempts = Arc::new(QueueAttempts::new(worker, service));
        let mut recording = JoinSet::new();
        recording.spawn(Arc::clone(&attempts.recorder).run(queue.clone()));
        Self {
            runner,
            attempts,
            name: format!("{}-{random:016x}", std::process::id()).into(),
            partitions: HashMap::new(),
            wake_ups: queue.wake_ups.waiter(),
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
        loop {
            self.start();
            self.start_fetch();
            // The claims come first: they must be renewed however much there is to do.
            tokio::select! {
                biased;
                () = shutdown.as_mut() => return Ok(()),
                () = sleep_until(self.next_tick) => self.tick().await?,
                fetched = fetched(&mut self.fetching) => self.fetched(fetched),
                wake_up = self.wake_ups.next() => self.wake(wake_up),
                () = sleep_until(self.next_look) => self.look(),
                event = self.runner.next() => self.ended(event),
            }
        }
    }

    /// Waits for the handlers that run, and gives all partitions back.
    pub(super) async fn drain(&mut self) {
        self.stays = false;
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
                () = sleep_until(self.next_tick) => drop(self.tick().await),
                event = self.runner.next() => self.ended(event),
            }
        }
        self.cut_off().await;
        // An update that is done but not recorded would be handled again by another worker.
        drop(timeout(UNCOUNT_TIMEOUT, self.attempts.recorder.settled()).await);
        drop(self.tick().await);
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
                "attempts that were cut off stay counted, because redis doesn't respond"
            );
        }
    }

    /// Starts attempts while there is room.
    fn start(&mut self) {
        self.runner.start(|chat, entry, tries| {
            let attempts = Arc::clone(&self.attempts);
            attempts.attempt(chat.clone(), entry.clone(), tries)
        });
    }

    fn ended(&mut self, event: RunnerEvent<QueuedChat, QueueEntry>) {
        match event {
            RunnerEvent::Done(chat, _) => {
                let partition = self.partitions.get_mut(&chat.partition);
                if let Some(partition) = partition.filter(|held| held.fence == chat.fence) {
                    partition.finish();
                }
            }
            RunnerEvent::Lost(chat) => {
                let partition = self.partitions.get(&chat.partition);
                if partition.is_some_and(|held| held.fence == chat.fence) {
                    self.lose(chat.partition);
                }
            }
            RunnerEvent::Waiting => {}
        }
    }

    /// Another worker has the partition. Its handlers here are cut off.
    fn lose(&mut self, number: u16) {
        self.remove(number);
        self.runner.cut_off(|chat| chat.partition == number);
    }

    fn remove(&mut self, number: u16) {
        self.partitions.remove(&number);
        if metric::IS_ON {
            depth::forget(number);
        }
    }

    /// Records the depth of the partitions, if that is due.
    async fn measure(&mut self) -> Result<(), QueueError> {
        if !metric::IS_ON || Instant::now() < self.next_measure {
            return Ok(());
        }
        self.next_measure = Instant::now() + depth::LOOK_EVERY;
        let partitions: Vec<_> = self.partitions.keys().copied().collect();
        depth::record(self.settings(), &partitions).await
    }

    /// Sends a heartbeat, renews the claims, and claims or leaves partitions up to a fair share.
    async fn tick(&mut self) -> Result<(), QueueError> {
        let lease = self.settings().queue.lease;
        self.next_tick = Instant::now() + (lease / 4).min(HEARTBEAT);
        let renewed = match self.give_back().await {
            Ok(()) => self.claim(lease).await,
            Err(error) => Err(error),
        };
        match renewed {
            Err(error) if error.is_partitions() => return Err(error),
            Err(error) => log_unreachable(&error, "failed to renew claims on partitions"),
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
                && !self.runner.is_running(|chat| chat.partition == number)
        };
        let idle =
            |(number, partition): &(&u16, &Partition)| partition.leaving && is_idle(**number);
        let idle: Vec<_> = self
            .partitions
            .iter()
            .filter(idle)
            .map(|(&n, _)| n)
            .collect();
        if idle.is_empty() {
            return Ok(());
        }
        let queue = &self.attempts.worker.queue;
        let mut call = queue.call("leave", []);
        for number in &idle {
            call = call.arg(number).arg(self.partitions[number].fence);
        }
        queue.ask(call).await?;
        for number in idle {
            self.remove(number);
        }
        Ok(())
    }

    async fn claim(&mut self, lease: Duration) -> Result<(), QueueError> {
        let queue = &self.attempts.worker.queue;
        let call = queue.call("tick", [QueueKey::Workers]);
        let mut call = call
            .arg(&*self.name)
            .arg(micros(lease))
            .arg(u8::from(self.stays));
        for (number, partition) in &self.partitions {
            call = call.arg(number).arg(partition.fence);
        }
        let answer = queue.ask(call).await?;
        let [_, share, held @ ..] = &answer[..] else {
            return Err(QueueError::unreadable());
        };
        let mut claims = HashMap::new();
        for claim in held.chunks_exact(2) {
            claims.insert(number(&claim[0])?, number(&claim[1])?);
        }
        self.hold(&claims);
        if self.stays {
            self.keep_to(number(share)?);
        }
        Ok(())
    }

    /// Keeps these partitions and no others.
    fn hold(&mut self, claims: &HashMap<u16, u64>) {
        let is_lost =
            |(number, partition): &(&u16, &Partition)| claims.get(number) != Some(&partition.fence);
        let lost: Vec<_> = self
            .partitions
            .iter()
            .filter(is_lost)
            .map(|(&n, _)| n)
            .collect();
        for partition in lost {
            names::CLAIMS_LOST.increment([]);
            tracing::warn!(partition, "partition lost to another worker");
            self.lose(partition);
        }
        for (&number, &fence) in claims {
            self.partitions
                .entry(number)
                .or_insert_with(|| Partition::new(fence));
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
            let partitions = &self.partitions;
            self.runner.retire(|chat| {
                partitions
                    .get(&chat.partition)
                    .is_none_or(|held| held.leaving)
            });
            self.next_tick = Instant::now();
        }
    }

    /// An update was added to a partition that had been read to its end.
    fn wake(&mut self, wake_up: WakeUp) {
        match wake_up {
            WakeUp::Any => self.look(),
            WakeUp::Number(number) => {
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
        let pause = if self.wake_ups.is_subscribed() {
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
        let wanting = |(_, partition): &(&u16, &Partition)| partition.wants() > 0;
        let wanting: Vec<_> = self.partitions.iter().filter(wanting).collect();
        if wanting.is_empty() {
            return;
        }
        let most = (MOST_AT_ONCE / wanting.len()).max(FEWEST_OF_EACH);
        let queue = &self.settings().queue;
        let streams = wanting.iter().map(|&(&number, _)| QueueKey::Stream(number));
        let keys = std::iter::once(QueueKey::Attempts).chain(streams);
        let mut call = queue.call("fetch", keys).arg(self.wake_ups.name());
        for (number, partition) in &wanting {
            call = call.arg(number).arg(partition.fence);
            call = call
                .arg(partition.cursor())
                .arg(partition.wants().min(most));
        }
        let partitions = wanting.iter().map(|&(&number, held)| (number, held.fence));
        let partitions: Vec<_> = partitions.collect();
        let (connection, start) = (queue.connection.clone(), self.no_fetch_before);
        for (number, _) in &partitions {
            let partition = self.partitions.get_mut(number);
            partition.map(Partition::read_starts);
        }
        self.fetching = Some(Box::pin(async move {
            sleep_until(start).await;
            let answers = connection.run(call).await;
            Fetched {
                partitions,
                answers,
            }
        }));
    }

    fn fetched(&mut self, fetched: Fetched) {
        self.fetching = None;
        match fetched.answers {
            Ok(answers) => {
                for ((number, fence), answer) in fetched.partitions.into_iter().zip(answers) {
                    self.take(number, fence, &answer);
                }
            }
            Err(error) => {
                log_unreachable(&error.into(), "failed to fetch updates from the queue");
                for (number, _) in fetched.partitions {
                    let partition = self.partitions.get_mut(&number);
                    partition.map(Partition::read_again);
                }
                let pause = REDIS_PAUSE.max(self.settings().poll_every);
                self.no_fetch_before = Instant::now() + pause;
            }
        }
    }

    /// Adds the entries of a partition to the chats' queues.
    fn take(&mut self, number: u16, fence: u64, answer: &[Bytes]) {
        let held = self.partitions.get_mut(&number);
        // Leaving it began after the call: a chat's updates before these may be left to the next worker already.
        let Some(partition) = held.filter(|held| held.fence == fence && !held.leaving) else {
            return;
        };
        let (what, last, end, entries) = match answer {
            [what, last, end, entries @ ..] => (&**what, last, end, entries),
            [what, error] if &**what == b"failed" => {
                let error = String::from_utf8_lossy(error);
                tracing::warn!(partition = number, %error, "failed to read partition of the queue");
                partition.read_failed();
                return;
            }
            // It is lost, as the next heartbeat says too.
            _ => return self.lose(number),
        };
        if what == b"anew" {
            partition.read_anew();
        }
        partition.read_to(text(last).unwrap_or_default(), &**end == b"end");
        for pair in entries.chunks_exact(2) {
            let Ok(id) = text(&pair[0]) else {
                continue;
            };
            partition.add();
            let chat = QueuedChat {
                partition: number,
                fence,
                key: key(id, &pair[1]),
            };
            self.runner.push(chat, QueueEntry::new(id));
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
fn key(id: &str, chat_key: &[u8]) -> Arc<str> {
    match text(chat_key) {
        Ok(key) if !key.is_empty() => key.into(),
        _ => format!("entry:{id}").into(),
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::ready};

    use ::redis::{Cmd, ErrorKind, Pipeline, RedisFuture, Value, aio::ConnectionLike};
    use tower::service_fn;

    use super::*;
    use crate::{Client, client::ApiRequest, redis::UpdateQueue};

    /// A connection on which every command fails.
    #[derive(Clone)]
    struct NoRedis;

    impl ConnectionLike for NoRedis {
        fn req_packed_command<'a>(&'a mut self, _: &'a Cmd) -> RedisFuture<'a, Value> {
            Box::pin(ready(Err((ErrorKind::Io, "no redis").into())))
        }

        fn req_packed_commands<'a>(
            &'a mut self,
            _: &'a Pipeline,
            _: usize,
            _: usize,
        ) -> RedisFuture<'a, Vec<Value>> {
            Box::pin(ready(Err((ErrorKind::Io, "no redis").into())))
        }

        fn get_db(&self) -> i64 {
            0
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
        let answer = ["read", "5-0", "end", "5-0", "0:7"].map(Bytes::from);
        for (leaving, fence, begins) in [(false, 1, true), (true, 1, false), (false, 2, false)] {
            let worker = UpdateQueue::new(NoRedis, "bot").worker(client.clone());
            let mut run = WorkerRun::new(worker.settings, service);
            let mut partition = Partition::new(1);
            partition.leaving = leaving;
            run.partitions.insert(0, partition);
            run.take(0, fence, &answer);
            assert_eq!(!run.runner.is_empty(), begins, "{leaving}, {fence}");
        }
    }
}
