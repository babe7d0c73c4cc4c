//! The loop of a worker, over queues that fail, hang or report additions.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    sync::{mpsc::unbounded_channel, oneshot},
    time::{sleep, timeout},
};
use tower::{Layer as _, service_fn};

use super::*;
use crate::{
    Client,
    client::ApiRequest,
    queue::{
        Worker,
        reader::{
            BegunEntry, EntryRecord, HeldPartitions, QueueReader, RecordKind, RecordResult,
            TakenEntry, WantedEntries,
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
