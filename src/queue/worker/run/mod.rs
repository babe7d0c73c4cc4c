//! The loop of a worker, which starts attempts.
//!
//! Its [claims](claims), the [reading](reading) of entries and its [end](shutdown) are in files of their own.

mod claims;
mod reading;
mod shutdown;
#[cfg(test)]
mod tests;

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
    time::{Instant, sleep_until},
};
use tower::BoxError;
use tower_service::Service;

use super::{
    ahead::MOST_AHEAD, attempt::QueueAttempts, depth, entry::QueueEntry,
    heartbeat::HeartbeatResult, partition::Partition, queued_chat::QueuedChat,
    settings::WorkerSettings, timed_reader::TimedReader,
};
use crate::{
    client::ErrorChain,
    queue::{
        error::QueueError,
        reader::{ErasedReader, PartitionClaim, PartitionDepth, TakenEntries},
    },
    runner::{Runner, RunnerEvent},
    telemetry::metric,
    webhook::{RawUpdate, ReplyBody},
};

/// How often a worker that waits for messages looks for updates nevertheless, in case a message was lost.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
