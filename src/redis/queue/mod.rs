//! A [queue](crate::queue) of updates on Redis Streams.
//!
//! To what the queue promises over any engine, Redis adds:
//!
//! 1. A partition is a stream, and the [number of them](UpdateQueue::partitions) is a setting. A claim on one is valid
//!    for a [lease](UpdateQueue::lease) of ten seconds by default. A queue has a [limit](UpdateQueue::max_backlog).
//! 2. With [wake-ups](UpdateQueue::wake_ups) a worker that waits is sent a message when an update is added. Without
//!    it asks [every 50 ms](Worker::poll_every).
//! 3. Dead letters are in [a stream](UpdateQueue::dead_letters) of their own.
//! 4. An entry that other programs wrote into the streams, and that is no update, is a
//!    [dead letter](UpdateQueue::unreadable_letters) at once. One that they delete may be handled nevertheless, because
//!    workers read updates [before their turn](Worker::max_read_ahead_bytes).
//!
//! # Example
//!
//! ```no_run
//! use redis::aio::ConnectionManagerConfig;
//! use tower_telegram::{
//!     Client,
//!     methods::SendMessage,
//!     redis::{UpdateQueue, WakeUps},
//!     types::Update,
//!     webhook::{SecretToken, Webhook},
//! };
//!
//! # async fn run(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let redis = redis::Client::open("redis://127.0.0.1/")?;
//! let connection = redis.get_connection_manager_lazy(ConnectionManagerConfig::new())?;
//! let queue = UpdateQueue::new(connection, "my_bot").wake_ups(&WakeUps::new(redis));
//! let webhook = Webhook::new(SecretToken::new("a-long_Secret")?);
//!
//! // In the processes that Telegram reaches, a service for any server:
//! let service = webhook.clone().queue(&queue);
//!
//! // In the workers, the handler as it would be without a queue:
//! let handler = webhook.handler(async |update: Update| {
//!     let message = update.new_message()?;
//!     Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
//! });
//! queue.worker(client).run(handler.into_updates()).await?;
//! # drop(service);
//! # Ok(())
//! # }
//! ```
//!
//! # Requirements and cost
//!
//! Redis 6 or newer. When it is out of memory, webhooks respond with 503, and workers go on: they write
//! little, and free more. Because Telegram got a 200, **an update that Redis forgets is lost**: Redis should
//! write its data to a disk (`appendonly yes`; with `appendfsync always` even a power cut loses
//! no update), and drop no keys to make room (`maxmemory-policy noeviction`). A replica that takes over from
//! a Redis that died may lack the last writes.
//!
//! Each update is remembered for 24 hours, in about 150 bytes. It takes a round trip to add it, and at most two around
//! its handler. Many updates share these: those that a process adds while a call is under way go together into the next,
//! up to 128 of them, and so do the records of a worker. In a cluster, all of a queue is in one slot.

mod additions;
mod dead_letters;
mod entry_id;
mod error;
mod reader;
mod update_queue;
mod writer;

#[doc(no_inline)]
pub use crate::queue::{
    Enqueue, EnqueueFuture, Enqueued, QueueError, QueueStatus, QueueWebhook, QueuedDeadLetter,
    Worker,
};

pub use self::{dead_letters::UnreadableLetter, update_queue::UpdateQueue};
