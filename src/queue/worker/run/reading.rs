//! Reading the entries of the partitions.

use std::sync::Arc;

use http::{Request, Response};
use tokio::time::{Instant, sleep_until};
use tower::BoxError;
use tower_service::Service;

use super::{Fetched, WorkerRun};
use crate::{
    client::ErrorChain,
    queue::{
        reader::{PartitionClaim, TakenEntries, TakenEntry, WantedEntries},
        worker::{
            entry::QueueEntry,
            failed_call::{CALL_PAUSE, log_failed_call},
            partition::Partition,
            queued_chat::QueuedChat,
        },
    },
    webhook::{RawUpdate, ReplyBody},
};

/// How many entries one call reads at most, because the engine may do nothing else meanwhile; but some of each
/// partition.
const MOST_AT_ONCE: usize = 512;
const FEWEST_OF_EACH: usize = 16;

/// How many bytes of updates one call reads at most with their entries.
const MOST_BYTES_AT_ONCE: usize = 1 << 20;

/// While so many chats wait for each handler that may run, no further entries are read.
const ENOUGH_CHATS: usize = 4;

impl<S> WorkerRun<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    /// Starts to read the partitions that may have more, while attempts go on.
    pub(super) fn start_fetch(&mut self) {
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

    pub(super) fn fetched(&mut self, fetched: Fetched) {
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
    pub(super) fn take(&mut self, claim: PartitionClaim, result: TakenEntries) {
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

/// The key of an entry's chat. An entry of another program may have none, and is alone under its id.
fn key(id: &str, chat_key: Arc<str>) -> Arc<str> {
    if chat_key.is_empty() {
        return format!("entry:{id}").into();
    }
    chat_key
}
