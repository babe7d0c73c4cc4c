//! A limit for the time of an engine's calls.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::queue::{
    error::QueueError,
    reader::{
        EntryRecord, ErasedReader, HeldPartitions, PartitionClaim, PartitionDepth, ReaderFuture,
        RecordResult, TakenEntries, WantedEntries,
    },
};

/// A reader whose calls fail after a time, so that an engine that hangs doesn't stop its worker.
pub(super) struct TimedReader {
    inner: Arc<dyn ErasedReader>,
    limit: Duration,
}

impl TimedReader {
    pub(super) fn new(inner: Arc<dyn ErasedReader>, limit: Duration) -> Self {
        Self { inner, limit }
    }

    fn in_time<'a, T: 'a>(
        &self,
        call: impl Future<Output = Result<T, QueueError>> + Send + 'a,
    ) -> ReaderFuture<'a, Result<T, QueueError>> {
        let limited = timeout(self.limit, call);
        Box::pin(async { limited.await.unwrap_or_else(|_| Err(QueueError::timeout())) })
    }
}

impl ErasedReader for TimedReader {
    fn lease(&self) -> Duration {
        self.inner.lease()
    }

    fn queue_name(&self) -> &str {
        self.inner.queue_name()
    }

    fn claim<'a>(
        &'a self,
        held: &'a [PartitionClaim],
        is_leaving: bool,
    ) -> ReaderFuture<'a, Result<HeldPartitions, QueueError>> {
        self.in_time(self.inner.claim(held, is_leaving))
    }

    fn release<'a>(
        &'a self,
        claims: &'a [PartitionClaim],
    ) -> ReaderFuture<'a, Result<(), QueueError>> {
        self.in_time(self.inner.release(claims))
    }

    fn take<'a>(
        &'a self,
        wanted: &'a [WantedEntries],
    ) -> ReaderFuture<'a, Result<Vec<TakenEntries>, QueueError>> {
        self.in_time(self.inner.take(wanted))
    }

    fn record<'a>(
        &'a self,
        records: &'a [EntryRecord],
    ) -> ReaderFuture<'a, Result<Vec<RecordResult>, QueueError>> {
        self.in_time(self.inner.record(records))
    }

    /// Without a limit: it ends when an update was added.
    fn wait(&self) -> ReaderFuture<'_, Option<u16>> {
        self.inner.wait()
    }

    fn reports_additions(&self) -> bool {
        self.inner.reports_additions()
    }

    fn depth<'a>(
        &'a self,
        partitions: &'a [u16],
    ) -> ReaderFuture<'a, Result<Vec<PartitionDepth>, QueueError>> {
        self.in_time(self.inner.depth(partitions))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        future::pending,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use http::{Request, Response};
    use tokio::{
        sync::{mpsc::unbounded_channel, oneshot},
        time::Instant,
    };
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::{
        Client,
        client::{ApiRequest, ApiResponse},
        queue::{
            Worker,
            reader::{BegunEntry, QueueReader, RecordKind, TakenEntry},
        },
        webhook::{Failure, RawUpdate, ReplyBody},
    };

    const SECOND: Duration = Duration::from_secs(1);

    /// A partition with one update. The first so many calls of each kind never end.
    #[derive(Default)]
    struct HangingQueue {
        hanging: usize,
        claims: AtomicUsize,
        releases: AtomicUsize,
        reads: AtomicUsize,
        records: AtomicUsize,
        depths: AtomicUsize,
    }

    impl HangingQueue {
        fn new(hanging: usize) -> Self {
            Self {
                hanging,
                ..Self::default()
            }
        }

        async fn called(&self, calls: &AtomicUsize) {
            if calls.fetch_add(1, Ordering::Relaxed) < self.hanging {
                pending::<()>().await;
            }
        }
    }

    impl QueueReader for HangingQueue {
        fn lease(&self) -> Duration {
            3600 * SECOND
        }

        async fn claim(&self, _: &[PartitionClaim], _: bool) -> Result<HeldPartitions, QueueError> {
            self.called(&self.claims).await;
            Ok(HeldPartitions::new(vec![PartitionClaim::new(0, 1)], 1))
        }

        async fn release(&self, _: &[PartitionClaim]) -> Result<(), QueueError> {
            self.called(&self.releases).await;
            Ok(())
        }

        async fn take(&self, wanted: &[WantedEntries]) -> Result<Vec<TakenEntries>, QueueError> {
            self.called(&self.reads).await;
            let entry = || TakenEntry::new("1", "0:7");
            let is_new = wanted[0].after.is_none();
            Ok(vec![TakenEntries::Read {
                entries: is_new.then(entry).into_iter().collect(),
                is_end: true,
            }])
        }

        async fn record(&self, records: &[EntryRecord]) -> Result<Vec<RecordResult>, QueueError> {
            self.called(&self.records).await;
            let result = |record: &EntryRecord| match record.kind {
                RecordKind::Begin { .. } => {
                    let update = RawUpdate::from_bytes(r#"{"update_id":1,"message":{}}"#.into());
                    let update = update.map(|update| (None, update));
                    RecordResult::Begun(BegunEntry::new(1, update.map_err(Failure::permanent)))
                }
                _ => RecordResult::Recorded,
            };
            Ok(records.iter().map(result).collect())
        }

        async fn depth(&self, _: &[u16]) -> Result<Vec<PartitionDepth>, QueueError> {
            self.called(&self.depths).await;
            Ok(Vec::new())
        }
    }

    fn client() -> Client {
        Client::from_service(service_fn(|_: ApiRequest| {
            pending::<Result<ApiResponse, BoxError>>()
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn d12_each_call_of_an_engine_that_hangs_fails_in_time() {
        let reader = TimedReader::new(Arc::new(HangingQueue::new(1)), 3 * SECOND);
        let began = Instant::now();
        let errors = [
            reader.claim(&[], false).await.map(drop).unwrap_err(),
            reader.release(&[]).await.map(drop).unwrap_err(),
            reader.take(&[]).await.map(drop).unwrap_err(),
            reader.record(&[]).await.map(drop).unwrap_err(),
            reader.depth(&[]).await.map(drop).unwrap_err(),
        ];
        assert_eq!(began.elapsed().as_secs(), 15);
        for error in errors {
            assert!(error.is_timeout(), "{error:?}");
        }
        assert!(reader.claim(&[], false).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn d12_a_worker_goes_on_after_calls_that_hang_and_can_be_shut_down() {
        let (sent, mut handled) = unbounded_channel();
        let service = service_fn(move |request: Request<RawUpdate>| {
            sent.send(request.body().update_id()).unwrap();
            async { Ok::<_, Infallible>(Response::new(ReplyBody::default())) }
        });
        for hanging in [1, 5] {
            let worker = Worker::new(move || HangingQueue::new(hanging), client());
            let (stop, stopped) = oneshot::channel::<()>();
            let running = worker
                .call_timeout(SECOND)
                .run_until(service.clone(), async { drop(stopped.await) });
            let running = tokio::spawn(running);
            assert_eq!(handled.recv().await, Some(1), "{hanging}");
            drop(stop);
            running.await.unwrap().unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d12_a_worker_whose_engine_never_responds_can_be_shut_down() {
        let service = service_fn(|_: Request<RawUpdate>| {
            pending::<Result<Response<ReplyBody>, Infallible>>()
        });
        let worker = Worker::new(|| HangingQueue::new(usize::MAX), client());
        let began = Instant::now();
        let shutdown = tokio::time::sleep(3 * SECOND);
        worker.run_until(service, shutdown).await.unwrap();
        // It tries to leave for five seconds. Half of them are for a call that began before.
        assert_eq!(began.elapsed().as_secs(), 8);
    }
}
