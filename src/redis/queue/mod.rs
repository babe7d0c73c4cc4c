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
//!    five attempts by default it goes to the stream of [dead letters](UpdateQueue::dead_letters). So does one
//!    whose worker died that often.
//!    A failure that a repeat can't change is a dead letter at once; what a layer had no room, lock, store or
//!    time for is tried again for as long as it takes, and never counted. Nor is a handler that a shutdown cuts off.
//! 9. What others wrote into the streams and is no update is a [dead letter](UpdateQueue::unreadable_letters) at once.
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
//! let handler = webhook.handler(async |update: Update| {
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
//! Redis 6 or newer. When it is out of memory, the way in answers with 503, and workers go on: what they write needs
//! little, and frees more. As Telegram was told that all is well, **what Redis forgets is lost**: it should
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
