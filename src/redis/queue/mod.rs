//! A queue of updates between the webhook and the handler, on Redis Streams.
//!
//! A webhook that waits for its handler is as fast as the handler, and Telegram opens at most 100
//! connections. With a queue, replicas with the webhook add an update to the queue and respond; other processes, the
//! workers, handle it. Each can be restarted, or die, without the other, and there can be any number
//! of both.
//!
//! 1. An update gets a 200 once Redis has it. If it can't be added, because Redis is down or the queue is
//!    [full](UpdateQueue::max_backlog), it gets a 503 with a `Retry-After` within the update's life: Telegram
//!    keeps it, and sends it again.
//! 2. An update that is redelivered within 24 hours gets a 200, and is in the queue once.
//! 3. The updates of one chat (or else of one user) are handled one after the other, in the order in which
//!    they were added, also when one of them fails and is tried again. Other chats go on.
//! 4. Chats are spread over [partitions](UpdateQueue::partitions). Each belongs to one worker at a time, by a
//!    claim that the worker renews; the workers that are alive share them evenly.
//! 5. With [wake-ups](UpdateQueue::wake_ups) a worker that waits is sent a message when an update is added. Without
//!    it asks [every 50 ms](Worker::poll_every).
//! 6. A worker that dies loses its claims when their [lease](UpdateQueue::lease) ends, after ten seconds by
//!    default. The next worker that claims the partition handles the updates that were begun there, and then the rest.
//! 7. A worker that hung for so long that another has claimed its partition can't record anything there any more.
//!    Its handlers there are cut off; their effects elsewhere remain.
//! 8. So an update is handled **at least once**: again if the worker dies, or is cut off, between the
//!    end of the handler and the record that the update is done. A handler for which that matters can tell by the
//!    `update_id`.
//! 9. An update that fails (an error, a panic, or a status that isn't a 2xx) is tried again after a pause. After
//!    five attempts by default it is abandoned: it goes to the stream of [dead letters](UpdateQueue::dead_letters).
//!    So does an update whose worker died that often.
//!    A failure that a repeat can't change makes it a dead letter at once; a response that says a layer had no room,
//!    lock, store or time is followed by another attempt for as long as it takes, and never counted. Nor is an attempt
//!    that a shutdown cuts off.
//! 10. An entry that other programs wrote into the streams, and that is no update, is a
//!     [dead letter](UpdateQueue::unreadable_letters) at once.
//!
//! The handler is the webhook's own: [`into_updates`](crate::webhook::WebhookService::into_updates). Its
//! `DeliveryLayer` and `DeadlineLayer` do nothing there, because the queue does their work.
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
//! its handler, which a busy worker shares among many updates: records that are needed while a call is under way go
//! together into the next. In a cluster, all of a queue is in one slot.

mod chat_key;
mod dead_letters;
mod enqueue;
mod error;
mod update_queue;
mod webhook;
mod worker;

pub use self::{
    dead_letters::{QueuedDeadLetter, UnreadableLetter},
    enqueue::{Enqueue, EnqueueFuture, Enqueued},
    error::QueueError,
    update_queue::{QueueStatus, UpdateQueue},
    webhook::QueueWebhook,
    worker::Worker,
};
