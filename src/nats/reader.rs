//! One worker's end of the queue: its claims, and the records about the messages of its partitions.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex as StdMutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{
    client::RequestErrorKind,
    jetstream::{
        AckKind, ErrorCode,
        consumer::{AckPolicy, DeliverPolicy, pull},
        stream::{ConsumerError, ConsumerErrorKind},
    },
};
use futures_util::future::join_all;
use tokio::sync::{
    Mutex,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tower::BoxError;

use super::{
    call::{failed, in_time},
    claimed::ClaimedPartition,
    message::{CountedAttempts, ReceivedMessage},
    queue::NatsQueue,
    workers::KnownWorkers,
};
use crate::{
    Client,
    client::ErrorChain,
    queue::{
        EntryRecord, HeldPartitions, PartitionClaim, PartitionDepth, QueueError, QueueReader,
        RecordKind, RecordResult, TakenEntries, WantedEntries, Worker,
    },
    task::random::random_u64,
};

/// How many messages of a partition a worker has at most. It gets them again in every half of its lease, and passes them
/// over then.
const MOST_UNSETTLED: i64 = 500;

impl NatsQueue {
    /// A worker that takes updates out of the queue. Replies are sent through `client`, because no webhook waits for
    /// them.
    pub fn worker(&self, client: Client) -> Worker {
        let queue = self.clone();
        Worker::new(move || NatsQueueReader::new(queue.clone()), client)
    }
}

struct NatsQueueReader {
    queue: NatsQueue,
    /// The worker's name, which has no `-`.
    worker: String,
    last_token: AtomicU64,
    claimed: StdMutex<HashMap<u16, Arc<ClaimedPartition>>>,
    workers: Mutex<KnownWorkers>,
    /// How often the client had connected when the partitions were last complete.
    connects: AtomicU64,
    added: UnboundedSender<u16>,
    additions: Mutex<UnboundedReceiver<u16>>,
}

impl NatsQueueReader {
    fn new(queue: NatsQueue) -> Self {
        let (added, additions) = unbounded_channel();
        let connects = connects(&queue);
        Self {
            queue,
            worker: format!("{:016x}", random_u64()),
            last_token: AtomicU64::new(0),
            claimed: StdMutex::default(),
            workers: Mutex::default(),
            connects: AtomicU64::new(connects),
            added,
            additions: Mutex::new(additions),
        }
    }

    fn claimed(&self) -> MutexGuard<'_, HashMap<u16, Arc<ClaimedPartition>>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The partition, if the claim is the last one on it.
    fn find(&self, claim: PartitionClaim) -> Option<Arc<ClaimedPartition>> {
        let claimed = self.claimed();
        let partition = claimed.get(&claim.partition)?;
        (partition.claim == claim).then(|| Arc::clone(partition))
    }

    /// Messages that were sent over an earlier connection may have been lost with it.
    fn check_connection(&self) {
        let connects = connects(&self.queue);
        if self.connects.swap(connects, Ordering::Relaxed) != connects {
            for partition in self.claimed().values() {
                partition.inbox.interrupt();
            }
        }
    }

    /// Claims a partition, unless another worker was faster.
    async fn claim_free(&self, partition: u16) -> Result<Option<PartitionClaim>, BoxError> {
        let token = self.last_token.fetch_add(1, Ordering::Relaxed) + 1;
        let config = pull::Config {
            durable_name: Some(format!("{partition}-{}-{token}", self.worker)),
            filter_subject: self.queue.partition_subject(partition),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            // A consumer isn't deleted before that, after its last delivery.
            ack_wait: self.queue.lease / 2,
            max_ack_pending: MOST_UNSETTLED,
            inactive_threshold: self.queue.lease / 2,
            ..pull::Config::default()
        };
        let context = &self.queue.context;
        let stream = self.queue.updates_stream();
        let creating = async { Ok(context.create_consumer_on_stream(config, stream).await) };
        let consumer = match in_time(self.queue.timeout, creating).await? {
            Ok(consumer) => consumer,
            Err(error) if has_code(&error, ErrorCode::CONSUMER_WQ_CONSUMER_NOT_UNIQUE) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let claim = PartitionClaim::new(partition, token);
        let (lease, added) = (self.queue.lease, self.added.clone());
        let claimed = ClaimedPartition::start(claim, consumer, lease, added);
        self.claimed().insert(partition, Arc::new(claimed));
        Ok(Some(claim))
    }

    /// Claims free partitions, at most so many.
    async fn claim_more(&self, free: Vec<u16>, count: usize) -> Vec<PartitionClaim> {
        let claiming = free.into_iter().take(count).map(|partition| async move {
            self.claim_free(partition).await.unwrap_or_else(|error| {
                let error = ErrorChain(&*error);
                tracing::warn!(partition, %error, "failed to claim partition");
                None
            })
        });
        join_all(claiming).await.into_iter().flatten().collect()
    }

    /// Sends an acknowledgement and waits for the server's confirmation. `false` if the consumer doesn't exist any
    /// more.
    async fn confirm(
        &self,
        partition: &ClaimedPartition,
        message: &ReceivedMessage,
        kind: AckKind,
    ) -> Result<bool, QueueError> {
        let Some(subject) = message.message.reply.clone() else {
            return Err(failed("the message has no reply subject"));
        };
        let client = self.queue.context.client();
        let confirming = async { Ok(client.request(subject, kind.into()).await) };
        match in_time(self.queue.timeout, confirming).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {
                // Or its leader is being elected.
                if self.queue.consumers().await?.contains(&partition.consumer) {
                    return Err(failed(error));
                }
                partition.inbox.lose();
                Ok(false)
            }
            Ok(Err(error)) => Err(failed(error)),
            Err(error) => Err(failed(error)),
        }
    }

    async fn make_record(&self, record: &EntryRecord) -> Result<RecordResult, QueueError> {
        let Some(partition) = self.find(record.claim) else {
            return Ok(RecordResult::Lost);
        };
        let Some(message) = partition.inbox.find(&record.id) else {
            return Ok(match record.kind {
                RecordKind::Begin { .. } | RecordKind::ReadAhead => RecordResult::Gone,
                _ => RecordResult::Recorded,
            });
        };
        let ack = match &record.kind {
            RecordKind::Begin { attempt_name } => {
                return self.begin(&partition, &message, attempt_name).await;
            }
            RecordKind::ReadAhead => {
                let mut attempts = message.attempts.lock().await;
                let count = self.attempts_before(&message, &mut attempts).await?;
                return Ok(RecordResult::Read(message.entry(count)));
            }
            RecordKind::Count { .. } | RecordKind::DeadLetter { .. }
                if !self
                    .confirm(&partition, &message, AckKind::Progress)
                    .await? =>
            {
                return Ok(RecordResult::Lost);
            }
            RecordKind::Count { attempts } => {
                self.set_count(&message, *attempts).await?;
                return Ok(RecordResult::Recorded);
            }
            RecordKind::DeadLetter { attempts, failure } => {
                self.queue
                    .add_dead_letter(&message, *attempts, failure)
                    .await?;
                AckKind::Term
            }
            RecordKind::Settle => AckKind::Ack,
        };
        if !self.confirm(&partition, &message, ack).await? {
            return Ok(RecordResult::Lost);
        }
        partition.inbox.settled(&record.id);
        Ok(RecordResult::Recorded)
    }

    /// Counts an attempt, if the claim is still valid. The first one at a message that no other worker can have begun
    /// isn't stored.
    async fn begin(
        &self,
        partition: &ClaimedPartition,
        message: &ReceivedMessage,
        name: &Arc<str>,
    ) -> Result<RecordResult, QueueError> {
        if !self.confirm(partition, message, AckKind::Progress).await? {
            return Ok(RecordResult::Lost);
        }
        let mut attempts = message.attempts.lock().await;
        let before = self.attempts_before(message, &mut attempts).await?;
        let is_new = attempts.last.as_ref() != Some(name);
        let count = before.saturating_add(u32::from(is_new));
        if is_new && (message.is_inherited || count > 1) {
            self.queue.store_attempts(message.sequence, count).await?;
            attempts.is_stored = true;
        }
        attempts.count = Some(count);
        attempts.last = Some(Arc::clone(name));
        Ok(RecordResult::Begun(message.entry(count)))
    }

    /// How many attempts counted until now.
    async fn attempts_before(
        &self,
        message: &ReceivedMessage,
        attempts: &mut CountedAttempts,
    ) -> Result<u32, QueueError> {
        let count = match attempts.count {
            Some(count) => count,
            None => self.queue.read_attempts(message.sequence).await?,
        };
        attempts.count = Some(count);
        Ok(count)
    }

    async fn set_count(&self, message: &ReceivedMessage, count: u32) -> Result<(), QueueError> {
        let mut attempts = message.attempts.lock().await;
        if attempts.is_stored {
            self.queue.store_attempts(message.sequence, count).await?;
        }
        attempts.count = Some(count);
        Ok(())
    }
}

impl QueueReader for NatsQueueReader {
    fn lease(&self) -> Duration {
        self.queue.lease
    }

    fn queue_name(&self) -> &str {
        &self.queue.name
    }

    async fn claim(
        &self,
        held: &[PartitionClaim],
        is_leaving: bool,
    ) -> Result<HeldPartitions, QueueError> {
        self.queue.set_up().await?;
        self.check_connection();
        let mut workers = self.workers.lock().await;
        let sent = workers.send(&self.queue, &self.worker, is_leaving);
        in_time(self.queue.timeout, sent).await.map_err(failed)?;
        let share = usize::from(self.queue.partitions).div_ceil(workers.count(self.queue.lease));
        drop(workers);
        let consumers = self.queue.consumers().await?;
        let is_valid = |claim: &&PartitionClaim| {
            let partition = self.find(**claim);
            partition.is_some_and(|partition| consumers.contains(&partition.consumer))
        };
        let mut claims: Vec<_> = held.iter().filter(is_valid).copied().collect();
        self.claimed()
            .retain(|_, partition| claims.contains(&partition.claim));
        if !is_leaving {
            let taken = consumers.iter().filter_map(|name| name.split('-').next());
            let taken: Vec<&str> = taken.collect();
            let is_free = |number: &u16| !taken.contains(&&*number.to_string());
            let mut free: Vec<_> = (0..self.queue.partitions).filter(is_free).collect();
            // Not all workers begin with the same one.
            let start = random_u64() % u64::try_from(free.len().max(1)).unwrap_or(1);
            free.rotate_left(usize::try_from(start).unwrap_or(0));
            let room = share.saturating_sub(claims.len());
            claims.extend(self.claim_more(free, room).await);
        }
        Ok(HeldPartitions::new(claims, share))
    }

    async fn release(&self, claims: &[PartitionClaim]) -> Result<(), QueueError> {
        let releasing = claims.iter().filter_map(|claim| self.find(*claim));
        let releasing = releasing.map(|partition| async move {
            let context = &self.queue.context;
            let stream = self.queue.updates_stream();
            let deleting = context.delete_consumer_from_stream(&partition.consumer, stream);
            let deleted = in_time(self.queue.timeout, async { Ok(deleting.await) }).await;
            match deleted.map_err(failed)? {
                Ok(_) => {}
                Err(error) if has_code(&error, ErrorCode::CONSUMER_NOT_FOUND) => {}
                Err(error) => return Err(failed(error)),
            }
            self.claimed().remove(&partition.claim.partition);
            Ok(())
        });
        join_all(releasing).await.into_iter().collect()
    }

    async fn take(&self, wanted: &[WantedEntries]) -> Result<Vec<TakenEntries>, QueueError> {
        let take = |wanted: &WantedEntries| match self.find(wanted.claim) {
            Some(partition) => partition.inbox.take(wanted.count),
            None => TakenEntries::Lost,
        };
        Ok(wanted.iter().map(take).collect())
    }

    async fn record(&self, records: &[EntryRecord]) -> Result<Vec<RecordResult>, QueueError> {
        // Those about an entry one after the other, and about different ones at the same time.
        let mut entries: HashMap<_, Vec<usize>> = HashMap::new();
        for (place, record) in records.iter().enumerate() {
            let entry = (record.claim, &*record.id);
            entries.entry(entry).or_default().push(place);
        }
        let making = entries.into_values().map(|places| async move {
            let mut made = Vec::with_capacity(places.len());
            for place in places {
                let result = self.make_record(&records[place]).await;
                made.push((place, result.unwrap_or_else(RecordResult::Failed)));
            }
            made
        });
        let mut made: Vec<_> = join_all(making).await.into_iter().flatten().collect();
        made.sort_unstable_by_key(|(place, _)| *place);
        Ok(made.into_iter().map(|(_, result)| result).collect())
    }

    async fn wait(&self) -> Option<u16> {
        self.additions.lock().await.recv().await
    }

    fn reports_additions(&self) -> bool {
        true
    }

    async fn depth(&self, partitions: &[u16]) -> Result<Vec<PartitionDepth>, QueueError> {
        self.queue.depths(partitions).await
    }
}

/// Whether JetStream refused a call with this error.
fn has_code(error: &ConsumerError, code: ErrorCode) -> bool {
    match error.kind() {
        ConsumerErrorKind::JetStream(error) => error.error_code() == code,
        _ => false,
    }
}

/// How often the client has connected.
fn connects(queue: &NatsQueue) -> u64 {
    let statistics = queue.context.client().statistics();
    statistics.connects.load(Ordering::Relaxed)
}
