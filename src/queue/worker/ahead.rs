//! Entries that are read before their turn, so that a chat's attempts don't each wait for a round trip.
//!
//! An attempt that was read ahead begins at once, and is counted a moment later. Should its update end the process in
//! that moment, it isn't counted. The first attempt in a chat always waits until it is counted, and after an attempt that
//! isn't its update's first one, so does the next. So each worker that such an update ends leaves it nearer to the
//! beginning of its chat, where it is counted and abandoned: after as many workers more as there were updates read
//! ahead before it, at most.

use std::sync::{Mutex, PoisonError};

use crate::queue::reader::{BegunEntry, RecordResult};

/// How many entries of a chat are read ahead.
pub(super) const MOST_AHEAD: usize = 31;

/// An entry that was read ahead, or none.
#[derive(Debug, Default)]
pub(super) struct EntryAhead(Mutex<Option<BegunEntry>>);

impl EntryAhead {
    /// Keeps the entry if no attempt was made at it.
    pub(super) fn put(&self, result: RecordResult) {
        if let RecordResult::Read(entry) = result
            && entry.attempt == 0
        {
            self.set(Some(entry));
        }
    }

    /// The entry, which isn't there any more then.
    pub(super) fn take(&self) -> Option<BegunEntry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn is_there(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    pub(super) fn clear(&self) {
        self.set(None);
    }

    fn set(&self, entry: Option<BegunEntry>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = entry;
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::pending, time::Duration};

    use http::{Request, Response};
    use tokio::{
        sync::mpsc::unbounded_channel,
        time::{Instant, sleep},
    };
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::{
        Client,
        client::{ApiRequest, ApiResponse},
        queue::{
            QueueError, Worker,
            reader::{
                EntryRecord, HeldPartitions, PartitionClaim, QueueReader, RecordKind, TakenEntries,
                TakenEntry, WantedEntries,
            },
        },
        webhook::{Failure, RawUpdate, ReplyBody},
    };

    const SECOND: Duration = Duration::from_secs(1);

    /// A partition with as many updates of one chat as are read ahead and one more. Records take a second.
    struct SlowQueue;

    impl QueueReader for SlowQueue {
        fn lease(&self) -> Duration {
            3600 * SECOND
        }

        async fn claim(&self, _: &[PartitionClaim], _: bool) -> Result<HeldPartitions, QueueError> {
            Ok(HeldPartitions::new(vec![PartitionClaim::new(0, 1)], 1))
        }

        async fn release(&self, _: &[PartitionClaim]) -> Result<(), QueueError> {
            Ok(())
        }

        async fn take(&self, wanted: &[WantedEntries]) -> Result<Vec<TakenEntries>, QueueError> {
            let count = match wanted[0].after {
                None => 1 + MOST_AHEAD,
                Some(_) => 0,
            };
            let entry = |id: usize| TakenEntry::new(id.to_string(), "0:7");
            let entries = (0..count).map(entry).collect();
            Ok(vec![TakenEntries::Read {
                entries,
                is_end: true,
            }])
        }

        async fn record(&self, records: &[EntryRecord]) -> Result<Vec<RecordResult>, QueueError> {
            sleep(SECOND).await;
            let result = |record: &EntryRecord| {
                let json = format!(r#"{{"update_id":{},"message":{{}}}}"#, record.id);
                let update = RawUpdate::from_bytes(json.into()).map_err(Failure::permanent);
                let entry =
                    |attempts| BegunEntry::new(attempts, update.map(|update| (None, update)));
                match record.kind {
                    RecordKind::Begin { .. } => RecordResult::Begun(entry(1)),
                    RecordKind::ReadAhead => RecordResult::Read(entry(0)),
                    _ => RecordResult::Recorded,
                }
            };
            Ok(records.iter().map(result).collect())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d8_the_updates_of_a_chat_share_a_round_trip_before_their_attempts() {
        let client = Client::from_service(service_fn(|_: ApiRequest| {
            pending::<Result<ApiResponse, BoxError>>()
        }));
        let (sent, mut handled) = unbounded_channel();
        let service = service_fn(move |request: Request<RawUpdate>| {
            sent.send(request.body().update_id()).unwrap();
            async { Ok::<_, Infallible>(Response::new(ReplyBody::default())) }
        });
        let began = Instant::now();
        let worker = tokio::spawn(Worker::new(|| SlowQueue, client).run(service));
        for id in 0..=i64::try_from(MOST_AHEAD).unwrap() {
            assert_eq!(handled.recv().await, Some(id));
        }
        assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
        worker.abort();
    }

    #[test]
    fn an_entry_with_attempts_is_not_kept() {
        let ahead = EntryAhead::default();
        for (attempts, is_kept) in [(0, true), (1, false)] {
            let entry = BegunEntry::new(attempts, Err(Failure::permanent("no update")));
            ahead.put(RecordResult::Read(entry));
            assert_eq!(ahead.take().is_some(), is_kept, "{attempts}");
            assert!(ahead.take().is_none(), "it is taken once");
        }
        ahead.put(RecordResult::Gone);
        assert!(ahead.take().is_none());
    }
}
