//! A queue of updates between the webhook and the handler, over an engine of your choice.
//!
//! A webhook that waits for its handler is as fast as the handler, and Telegram opens at most 100
//! connections. With a queue, replicas with the webhook add an update to the queue and respond; other processes, the
//! workers, handle it. Each can be restarted, or die, without the other, and there can be any number
//! of both.
//!
//! 1. An update gets a 200 once the queue has it. If it can't be added, because the queue can't be reached or is
//!    full, it gets a 503 with a `Retry-After` within the update's life: Telegram keeps it, and sends it again.
//! 2. An update that is redelivered within 24 hours gets a 200, and is in the queue once.
//! 3. The updates of one chat (or else of one user) are handled one after the other, in the order in which
//!    they were added, also when one of them fails and is tried again. Other chats go on.
//! 4. Chats are spread over partitions. Each belongs to one worker at a time, by a claim that the worker renews; the
//!    workers that are alive share them evenly.
//! 5. A worker that dies loses its claims when their lease ends. The next worker that claims the partition handles the
//!    updates that were begun there, and then the rest.
//! 6. A worker that hung for so long that another has claimed its partition can't record anything there any more.
//!    Its handlers there are cut off; their effects elsewhere remain.
//! 7. So an update is handled **at least once**: again if the worker dies, or is cut off, between the
//!    end of the handler and the record that the update is done. A handler for which that matters can tell by the
//!    `update_id`.
//! 8. An update that fails (an error, a panic, or a status that isn't a 2xx) is tried again after a pause. After
//!    five attempts by default it is abandoned: it becomes a dead letter, which the queue keeps.
//!    So does an update whose worker died that often.
//!    A failure that a repeat can't change makes it a dead letter at once; a response that says a layer had no room,
//!    lock, store or time is followed by another attempt for as long as it takes, and never counted. Nor is an attempt
//!    that a shutdown cuts off.
//!
//! The handler is the webhook's own: [`into_updates`](crate::webhook::WebhookService::into_updates). Its
//! `DeliveryLayer` and `DeadlineLayer` do nothing there, because the queue does their work.
//!
//! # Engines
//!
//! | engine | feature | type |
//! |---|---|---|
//! | Redis Streams | `redis` | `redis::RedisQueue` |
//! | NATS JetStream | `nats` | `nats::NatsQueue` |
//! | your own | `queue` | [`QueueWriter`] and [`QueueReader`] |
//!
//! [The guide](crate::guide::delivery) has the guarantees and costs of each.
//!
//! # An engine of your own
//!
//! Webhooks need a [`QueueWriter`], workers a [`QueueReader`]:
//!
//! ```
//! use tower_telegram::{
//!     Client,
//!     queue::{QueueReader, QueueWebhook, QueueWriter, Worker},
//!     webhook::{SecretToken, Webhook},
//! };
//!
//! fn webhook(secret: SecretToken, writer: &(impl QueueWriter + Clone)) -> QueueWebhook {
//!     Webhook::new(secret).queue(writer)
//! }
//!
//! fn worker<R: QueueReader>(open: fn() -> R, client: Client) -> Worker {
//!     Worker::new(open, client).concurrency(100)
//! }
//! ```

mod chat_key;
mod dead_letter;
mod enqueue;
mod error;
mod reader;
mod status;
#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) mod trace_context;
mod webhook;
mod worker;
mod writer;

#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) use self::chat_key::{bot_of, number_of};
pub use self::{
    chat_key::{chat_key, partition},
    dead_letter::QueuedDeadLetter,
    enqueue::{Enqueue, EnqueueFuture},
    error::QueueError,
    reader::{
        BegunEntry, EntryRecord, HeldPartitions, PartitionClaim, PartitionDepth, QueueReader,
        RecordKind, RecordResult, TakenEntries, TakenEntry, WantedEntries,
    },
    status::QueueStatus,
    webhook::QueueWebhook,
    worker::Worker,
    writer::{Enqueued, QueueWriter},
};
