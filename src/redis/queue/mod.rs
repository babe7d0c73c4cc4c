//! A queue of updates between the webhook and the handler, on Redis Streams.
//!
//! A webhook that waits for its handler is as fast as the handler, and Telegram opens at most 100
//! connections. With a queue, replicas with the webhook write an update down and answer; others, the
//! workers, handle it. Each can be restarted, or die, without the other, and there can be any number
//! of both.
//!
//! 1. An update is answered with 200 once Redis has it. Before that, as when Redis is down or
//!    [full](UpdateQueue::max_backlog), with 503 and a `Retry-After` inside the update's life: Telegram
//!    keeps it, and sends it again.
//! 2. An update that comes again within 24 hours is answered with 200, and is in the queue once.
//! 3. The updates of one chat (or else of one user) are handled one after the other, in the order in which
//!    they came, also when one of them fails and is tried again. Other chats go on.
//! 4. Chats are spread over [partitions](UpdateQueue::partitions). Each is one worker's at a time, by a
//!    claim that it renews; the workers that are alive share them evenly.
//! 5. A worker that dies loses its claims when their [time](UpdateQueue::lease) is over, ten seconds
//!    unless told otherwise. Whoever gets the partition first handles what it had begun.
//! 6. A worker that hung for so long that another has its partition can't note anything there any more.
//!    Its handlers there are cut off, but what they have done, they have done.
//! 7. So an update is handled **at least once**: again where the worker died, or was cut off, between the
//!    handler's end and the note of it. `update_id` tells a handler that can't bear it.
//! 8. One that fails (an error, a panic, or a status that isn't a 2xx) is tried again after a pause. After
//!    five attempts, unless told otherwise, it goes to the stream of [dead
//!    letters](UpdateQueue::dead_letters). So does one whose worker died that often.
//!
//! The handler is the webhook's own: [`into_updates`](crate::webhook::WebhookService::into_updates). Its
//! `DeliveryLayer` and `DeadlineLayer` step aside, as the queue sees to what they are for.
//!
//! # Example
//!
//! ```no_run
//! use redis::aio::ConnectionManagerConfig;
//! use tower_telegram::{
//!     Client,
//!     methods::SendMessage,
//!     redis::UpdateQueue,
//!     types::Update,
//!     webhook::{SecretToken, Webhook},
//! };
//!
//! # async fn run(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let connection = redis::Client::open("redis://127.0.0.1/")?
//!     .get_connection_manager_lazy(ConnectionManagerConfig::new())?;
//! let queue = UpdateQueue::new(connection, "my_bot");
//! let webhook = Webhook::new(SecretToken::new("a-long_Secret")?);
//!
//! // In the processes that Telegram reaches, a service for any server:
//! let door = webhook.clone().queue(&queue);
//!
//! // In the workers, the handler as it would be without a queue:
//! let handler = webhook.client(client.clone()).handler(async |update: Update| {
//!     let message = update.message()?;
//!     Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
//! });
//! queue.worker(client).run(handler.into_updates()).await?;
//! # drop(door);
//! # Ok(())
//! # }
//! ```
//!
//! # What it needs
//!
//! Redis 6 or newer. As Telegram was told that all is well, **what Redis forgets is lost**: it should
//! write what it is given to a disk (`appendonly yes`; with `appendfsync always` even a power cut loses
//! nothing), and drop no keys to make room (`maxmemory-policy noeviction`). A replica that takes over from
//! a Redis that died may lack what was written last.
//!
//! Each update is remembered for 24 hours, in about 150 bytes. It takes three round trips: one to the queue and two around the handler. In a cluster, all of a
//! queue is in one slot.

mod chat_key;
mod dead_letters;
mod enqueue;
mod error;
mod webhook;
mod worker;

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use ::redis::aio::ConnectionLike;
use bytes::Bytes;

pub use self::{
    dead_letters::DeadLetter,
    enqueue::{Enqueue, EnqueueFuture, Enqueued},
    error::QueueError,
    webhook::QueueWebhook,
    worker::Worker,
};
use super::{
    LIFE, MIN_LEASE,
    connection::{Call, Connection, Script},
    number,
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("queue.lua")));

/// A queue of updates on Redis Streams. Cheap to clone. See the [module](self).
///
/// Whoever shares a queue gives it the same options.
#[derive(Clone)]
pub struct UpdateQueue {
    connection: Connection,
    prefix: Arc<str>,
    partitions: u16,
    max_backlog: usize,
    max_dead_letters: usize,
    lease: Duration,
}

/// What a queue is made of in Redis.
#[derive(Clone, Copy)]
enum Key<'a> {
    Partitions,
    Workers,
    Attempts,
    Dead,
    Stream(u16),
    Seen(&'a str),
}

impl UpdateQueue {
    /// Over a connection that reconnects by itself.
    ///
    /// All keys begin with `{`, the name and `:queue}`. Several bots may share a queue where they share
    /// an endpoint, by [`SecretTokenLayer::bots`](crate::webhook::SecretTokenLayer::bots); others have
    /// each a name of their own, as the numbers of their updates may be the same.
    pub fn new<C>(connection: C, name: &str) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self {
            connection: Connection::new(connection, Duration::from_secs(2)),
            prefix: format!("{{{name}:queue}}").into(),
            partitions: 16,
            max_backlog: 100_000,
            max_dead_letters: 10_000,
            lease: Duration::from_secs(10),
        }
    }

    /// Over how many partitions chats are spread: 16 unless told otherwise, 1 to 1024. There can't be
    /// more workers at work than that.
    ///
    /// The number stays what it was when the queue was first used: another one is an error, as a chat's
    /// updates would be in two partitions at once. A queue that is empty can be given another by deleting
    /// the key that ends in `:partitions`.
    pub fn partitions(mut self, number: u16) -> Self {
        self.partitions = number.clamp(1, 1024);
        self
    }

    /// How many updates may wait, those included that are being handled; 100,000 unless told otherwise.
    /// More are answered with 503. Each partition takes its share of it, so that a rush in one chat shuts
    /// out only those that share its partition.
    pub fn max_backlog(mut self, updates: usize) -> Self {
        self.max_backlog = updates;
        self
    }

    /// How many dead letters are kept, the latest; 10,000 unless told otherwise.
    pub fn max_dead_letters(mut self, letters: usize) -> Self {
        self.max_dead_letters = letters;
        self
    }

    /// For how long a worker claims a partition: ten seconds unless told otherwise, at least 100
    /// milliseconds. It is claimed anew in every quarter of that time, and at least every second.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(MIN_LEASE, LIFE);
        self
    }

    /// How long Redis may take for an answer; two seconds unless told otherwise. It should be well under
    /// the lease.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.connection.timeout = limit;
        self
    }

    /// What is in the queue, for readiness and metrics: one round trip.
    ///
    /// # Errors
    ///
    /// When Redis can't be asked.
    pub async fn status(&self) -> Result<QueueStatus, QueueError> {
        let keys = [Key::Workers, Key::Dead].into_iter();
        let streams = (0..self.partitions).map(Key::Stream);
        let answer = self.ask(self.call("status", keys.chain(streams))).await?;
        let [updates, dead_letters, workers] = &answer[..] else {
            return Err(QueueError::unreadable());
        };
        Ok(QueueStatus {
            updates: number(updates)?,
            dead_letters: number(dead_letters)?,
            workers: number(workers)?,
        })
    }

    /// As much as a partition takes.
    fn max_length(&self) -> usize {
        self.max_backlog.div_ceil(usize::from(self.partitions))
    }

    /// The braces have a cluster put all that belongs to one queue into one slot.
    fn key(&self, key: Key<'_>) -> Box<str> {
        let prefix = &self.prefix;
        match key {
            Key::Partitions => format!("{prefix}:partitions"),
            Key::Workers => format!("{prefix}:workers"),
            Key::Attempts => format!("{prefix}:attempts"),
            Key::Dead => format!("{prefix}:dead"),
            Key::Stream(number) => format!("{prefix}:updates:{number}"),
            Key::Seen(update) => format!("{prefix}:seen:{update}"),
        }
        .into()
    }

    fn call<'a>(&self, operation: &str, keys: impl IntoIterator<Item = Key<'a>>) -> Call {
        let keys = std::iter::once(Key::Partitions).chain(keys);
        let call = SCRIPT.call(keys.map(|key| self.key(key)).collect());
        call.arg(operation).arg(self.partitions)
    }

    async fn ask(&self, call: Call) -> Result<Vec<Bytes>, QueueError> {
        let answer: Vec<Bytes> = self.connection.run(call).await?;
        match &answer[..] {
            [what, there] if &**what == b"partitions" => {
                Err(QueueError::partitions(text(there)?.into()))
            }
            _ => Ok(answer),
        }
    }
}

impl fmt::Debug for UpdateQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateQueue")
            .field("prefix", &self.prefix)
            .field("partitions", &self.partitions)
            .field("max_backlog", &self.max_backlog)
            .field("max_dead_letters", &self.max_dead_letters)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// What is in a queue, by [`UpdateQueue::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatus {
    /// How many updates wait or are being handled.
    pub updates: usize,
    /// How many dead letters there are.
    pub dead_letters: usize,
    /// How many workers are alive.
    pub workers: usize,
}

fn text(bytes: &[u8]) -> Result<&str, QueueError> {
    std::str::from_utf8(bytes).map_err(|_| QueueError::unreadable())
}
