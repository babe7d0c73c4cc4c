//! A worker at work.

use std::{
    collections::HashMap,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tokio::time::{Instant, sleep, sleep_until};
use tower::BoxError;
use tower_service::Service;

use super::{
    attempt::{QueueAttempts, QueueEntry, REDIS_PAUSE, log},
    partition::Partition,
    queued_chat::QueuedChat,
    settings::WorkerSettings,
};
use crate::{
    redis::{
        queue::{
            error::QueueError,
            update_queue::{QueueKey, text},
        },
        values::{micros, number},
    },
    runner::{Runner, RunnerEvent},
    task::random::random_u64,
    webhook::{RawUpdate, ReplyBody},
};

/// The longest time between two heartbeats, and so how soon others notice who comes and goes.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long it is tried to take back what was counted for handlers that a shutdown cuts off.
const UNCOUNT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct WorkerRun<S> {
    attempts: Arc<QueueAttempts<S>>,
    name: Box<str>,
    partitions: HashMap<u16, Partition>,
    runner: Runner<QueuedChat, QueueEntry>,
    next_tick: Instant,
    next_fetch: Instant,
    stays: bool,
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
        Self {
            runner: Runner::new(worker.concurrency),
            attempts: Arc::new(QueueAttempts::new(worker, service)),
            name: format!("{}-{random:016x}", std::process::id()).into(),
            partitions: HashMap::new(),
            next_tick: now,
            next_fetch: now,
            stays: true,
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
            // The claims come first: they must be renewed however much there is to do.
            tokio::select! {
                biased;
                () = shutdown.as_mut() => return Ok(()),
                () = sleep_until(self.next_tick) => self.tick().await?,
                () = sleep_until(self.next_fetch), if self.has_room() => self.fetch().await,
                event = self.runner.next() => self.ended(event),
            }
        }
    }

    /// Waits for what runs, and gives everything back.
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
        drop(self.tick().await);
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
        if tokio::time::timeout(UNCOUNT_TIMEOUT, uncounting)
            .await
            .is_err()
        {
            tracing::warn!("attempts that were cut off stay counted, as redis doesn't answer");
        }
    }

    /// Begins what there is room for.
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

    /// A partition is another's. What runs there is cut off.
    fn lose(&mut self, number: u16) {
        self.partitions.remove(&number);
        self.runner.cut_off(|chat| chat.partition == number);
    }

    fn has_room(&self) -> bool {
        self.partitions.values().any(|p| p.wants() > 0)
    }

    /// Says that it is alive, renews its claims, and makes for its share.
    async fn tick(&mut self) -> Result<(), QueueError> {
        let lease = self.settings().queue.lease;
        self.next_tick = Instant::now() + (lease / 4).min(HEARTBEAT);
        let told = match self.give_back().await {
            Ok(()) => self.claim(lease).await,
            Err(error) => Err(error),
        };
        match told {
            Err(error) if error.is_partitions() => Err(error),
            Err(error) => {
                log(&error, "claims can't be renewed");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Gives back where nothing runs any more.
    async fn give_back(&mut self) -> Result<(), QueueError> {
        let is_idle = |number: u16| !self.runner.is_running(|chat| chat.partition == number);
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
            self.partitions.remove(&number);
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

    /// Has these partitions and no others.
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
            tracing::warn!(partition, "partition lost to another worker");
            self.lose(partition);
        }
        for (&number, &fence) in claims {
            self.partitions
                .entry(number)
                .or_insert_with(|| Partition::new(fence));
        }
        if self.has_room() {
            self.next_fetch = self.next_fetch.min(Instant::now());
        }
    }

    /// Has those that are too many leave: where there is least to do.
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

    /// Asks for what came, in all partitions at once.
    async fn fetch(&mut self) {
        let poll_every = self.settings().poll_every;
        self.next_fetch = match self.try_fetch().await {
            // There may be more, among which are chats that could be served.
            Ok(true) if self.runner.ready() < self.settings().concurrency => Instant::now(),
            Ok(_) => Instant::now() + poll_every,
            Err(error) => {
                log(&error, "failed to fetch updates from the queue");
                Instant::now() + REDIS_PAUSE.max(poll_every)
            }
        };
    }

    /// Whether there was anything.
    async fn try_fetch(&mut self) -> Result<bool, QueueError> {
        let queue = &self.attempts.worker.queue;
        let wanting = |(_, partition): &(&u16, &Partition)| partition.wants() > 0;
        let wanting: Vec<_> = self.partitions.iter().filter(wanting).collect();
        let streams = wanting.iter().map(|&(&number, _)| QueueKey::Stream(number));
        let mut call = queue.call("fetch", std::iter::once(QueueKey::Attempts).chain(streams));
        for (number, partition) in &wanting {
            call = call.arg(number).arg(partition.fence);
            call = call.arg(partition.cursor()).arg(partition.wants());
        }
        let numbers: Vec<_> = wanting.into_iter().map(|(&number, _)| number).collect();
        let answers: Result<Vec<Vec<Bytes>>, _> = queue.connection.run(call).await;
        if answers.is_err() {
            for number in &numbers {
                let partition = self.partitions.get_mut(number);
                partition.map(Partition::read_again);
            }
        }
        let answers = answers?;
        let mut any = false;
        for (number, answer) in numbers.into_iter().zip(answers) {
            any |= self.take(number, &answer);
        }
        Ok(any)
    }

    /// Takes in hand what came in a partition. Whether there may be more.
    fn take(&mut self, number: u16, answer: &[Bytes]) -> bool {
        let Some(partition) = self.partitions.get_mut(&number) else {
            return false;
        };
        let (last, entries) = match answer {
            [what, last, entries @ ..] if &**what == b"read" => (text(last), entries),
            [what, error] if &**what == b"failed" => {
                let error = String::from_utf8_lossy(error);
                tracing::warn!(partition = number, %error, "partition of the queue can't be read");
                partition.read_failed();
                return false;
            }
            // It is lost, as the next heartbeat says too.
            _ => {
                self.lose(number);
                return false;
            }
        };
        let was = partition.cursor().to_owned();
        partition.read_to(last.unwrap_or_default());
        let fence = partition.fence;
        for pair in entries.chunks_exact(2) {
            let Ok(id) = text(&pair[0]) else {
                continue;
            };
            partition.add();
            let chat = QueuedChat {
                partition: number,
                fence,
                lane: lane(id, &pair[1]),
            };
            self.runner.push(chat, QueueEntry::new(id));
        }
        !entries.is_empty() || partition.cursor() != was
    }
}

/// What others wrote into the stream may have no lane. It waits for nobody, and nobody waits for it.
fn lane(id: &str, lane: &[u8]) -> Arc<str> {
    match text(lane) {
        Ok(lane) if !lane.is_empty() => lane.into(),
        _ => format!("entry:{id}").into(),
    }
}
