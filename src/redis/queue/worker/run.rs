//! A worker at work.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep, sleep_until},
};
use tower::BoxError;
use tower_service::Service;

use super::{
    attempt::{AttemptContext, Disposition, EntryClaim, TROUBLE, log},
    partition::Partition,
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
    task::random::random_u64,
    webhook::{RawUpdate, ReplyBody},
};

/// The longest time between two heartbeats, and so how soon others notice who comes and goes.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A lane that has something to do, and the claim by which it is ours.
#[derive(Clone, Debug)]
struct Ready {
    partition: u16,
    fence: u64,
    lane: Arc<str>,
}

pub(super) struct Run<S> {
    shared: Arc<AttemptContext<S>>,
    name: Box<str>,
    partitions: HashMap<u16, Partition>,
    ready: VecDeque<Ready>,
    running: JoinSet<Disposition>,
    places: HashMap<Id, EntryClaim>,
    /// Those that wait for another attempt.
    resting: JoinSet<Ready>,
    next_tick: Instant,
    next_fetch: Instant,
    stays: bool,
}

impl<S> Run<S>
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
            shared: Arc::new(AttemptContext { worker, service }),
            name: format!("{}-{random:016x}", std::process::id()).into(),
            partitions: HashMap::new(),
            ready: VecDeque::new(),
            running: JoinSet::new(),
            places: HashMap::new(),
            resting: JoinSet::new(),
            next_tick: now,
            next_fetch: now,
            stays: true,
        }
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
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
                Some(Ok(rested)) = self.resting.join_next() => self.ready.push_back(rested),
            }
        }
    }

    /// Waits for what runs, and gives everything back.
    pub(super) async fn drain(&mut self) {
        self.stays = false;
        self.ready.clear();
        self.resting.shutdown().await;
        for partition in self.partitions.values_mut() {
            partition.leaving = true;
        }
        self.next_tick = Instant::now();
        let mut end = pin!(sleep(self.shared.worker.shutdown_timeout));
        while !self.running.is_empty() {
            tokio::select! {
                biased;
                () = &mut end => break,
                () = sleep_until(self.next_tick) => drop(self.tick().await),
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
            }
        }
        let cut_off = self.running.len();
        if cut_off > 0 {
            tracing::warn!(cut_off, "handlers are cut off, and others will begin again");
        }
        self.running.shutdown().await;
        for partition in self.partitions.values_mut() {
            partition.stop();
        }
        drop(self.tick().await);
    }

    /// Begins what there is room for.
    fn start(&mut self) {
        while self.running.len() < self.shared.worker.concurrency
            && let Some(Ready {
                partition: number,
                fence,
                lane,
            }) = self.ready.pop_front()
        {
            let Some(partition) = self.partitions.get_mut(&number) else {
                continue;
            };
            // A claim that was lost, and got again, has read all anew.
            if partition.fence != fence || partition.leaving {
                continue;
            }
            let Some(id) = partition.first(&lane).map(Box::from) else {
                continue;
            };
            let place = EntryClaim {
                partition: number,
                fence,
                lane,
                id,
            };
            let attempt = Arc::clone(&self.shared).attempt(place.clone());
            let running = self.running.spawn(attempt);
            self.places.insert(running.id(), place.clone());
            partition.begin(&place.lane, running);
        }
    }

    fn ended(&mut self, ended: Result<(Id, Disposition), JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                if error.is_panic() {
                    // Of a handler's future that is dropped, for example.
                    tracing::error!("an attempt panicked");
                }
                (error.id(), Disposition::Again { after: HEARTBEAT })
            }
        };
        let Some(place) = self.places.remove(&id) else {
            return;
        };
        let Some(partition) = self.partitions.get_mut(&place.partition) else {
            return;
        };
        if partition.fence != place.fence {
            return;
        }
        let ready = Ready {
            partition: place.partition,
            fence: place.fence,
            lane: place.lane,
        };
        match outcome {
            Disposition::Lost => drop(self.partitions.remove(&ready.partition)),
            Disposition::Done => {
                if partition.finish(&ready.lane) {
                    self.ready.push_back(ready);
                }
            }
            Disposition::Again { after } => {
                partition.pause(&ready.lane);
                if !partition.leaving {
                    self.resting.spawn(async move {
                        sleep(after).await;
                        ready
                    });
                }
            }
        }
    }

    fn has_room(&self) -> bool {
        self.partitions.values().any(|p| p.wants() > 0)
    }

    /// Says that it is alive, renews its claims, and makes for its share.
    async fn tick(&mut self) -> Result<(), QueueError> {
        let lease = self.shared.worker.queue.lease;
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
        let idle = |(_, partition): &(&u16, &Partition)| partition.leaving && partition.is_idle();
        let idle: Vec<_> = self
            .partitions
            .iter()
            .filter(idle)
            .map(|(&n, _)| n)
            .collect();
        if idle.is_empty() {
            return Ok(());
        }
        let queue = &self.shared.worker.queue;
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
        let queue = &self.shared.worker.queue;
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
        self.partitions.retain(|number, partition| {
            let held = claims.get(number) == Some(&partition.fence);
            if !held {
                tracing::warn!(number, "a partition is lost to another worker");
            }
            held
        });
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
            self.next_tick = Instant::now();
        }
    }

    /// Asks for what came, in all partitions at once.
    async fn fetch(&mut self) {
        self.next_fetch = match self.try_fetch().await {
            // There may be more, among which are chats that could be served.
            Ok(true) if self.ready.len() < self.shared.worker.concurrency => Instant::now(),
            Ok(_) => Instant::now() + self.shared.worker.poll_every,
            Err(error) => {
                log(&error, "no updates can be taken from the queue");
                Instant::now() + TROUBLE.max(self.shared.worker.poll_every)
            }
        };
    }

    /// Whether there was anything.
    async fn try_fetch(&mut self) -> Result<bool, QueueError> {
        let queue = &self.shared.worker.queue;
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
            any |= self.take(number, &answer)?;
        }
        Ok(any)
    }

    /// Takes down what came in a partition. Whether there may be more.
    fn take(&mut self, number: u16, answer: &[Bytes]) -> Result<bool, QueueError> {
        let [what, last, entries @ ..] = answer else {
            // The next heartbeat says so too.
            self.partitions.remove(&number);
            return Ok(false);
        };
        let Some(partition) = self.partitions.get_mut(&number) else {
            return Ok(false);
        };
        if &**what != b"read" {
            return Err(QueueError::unreadable());
        }
        let was = partition.cursor().to_owned();
        partition.read_to(text(last)?);
        for entry in entries.chunks_exact(2) {
            let lane = partition.add(text(&entry[0])?.into(), text(&entry[1])?);
            if let Some(lane) = lane {
                self.ready.push_back(Ready {
                    partition: number,
                    fence: partition.fence,
                    lane,
                });
            }
        }
        Ok(!entries.is_empty() || partition.cursor() != was)
    }
}
