//! A [queue](crate::queue) of updates on NATS JetStream.
//!
//! Three nodes can replicate it, so that it loses nothing and goes on when one of them is lost. It needs no other
//! server, and NATS 2.10 or newer.
//!
//! | a queue's need | its means in JetStream |
//! |---|---|
//! | partitions | subjects of one stream: `my_bot.queue.updates.0` and so on |
//! | an update once within 24 hours, while a node runs | its message id, and the stream's window for duplicates |
//! | a limit | the stream's limit for each subject, beyond which it refuses messages |
//! | one worker for each partition | a consumer that its worker makes: a work queue allows one for each subject |
//! | claims that end | the consumer's inactivity threshold; what a worker sends about a deleted one has no effect |
//! | order after a worker has died | a new consumer, which begins at the oldest message that isn't settled |
//! | done | an acknowledgement, with which a work queue deletes the message |
//! | dead letters | a stream of their own, and the message's termination |
//!
//! NATS 2.11 can pin a consumer to one client (`priority_policy: pinned_client`), which isn't used here: async-nats 0.50
//! doesn't send the pin's id with its requests, and an acknowledgement carries none, so that those of a worker that lost its
//! pin would still count. The one consumer for each subject that a work queue allows is exclusive too, on older servers as
//! well, and once it is deleted, its acknowledgements have no effect.
//!
//! A stream that exists under the queue's name gets the queue's limits, its window for duplicates, and acknowledgements.
//! One with another retention, discard policy or storage or other subjects, or one that is sealed, is refused: see
//! [`QueueError::is_settings`](crate::queue::QueueError::is_settings).
//!
//! The pauses between attempts are the worker's own: a message that JetStream delivered again later would be behind
//! its chat's next ones.
//!
//! # What differs from Redis
//!
//! 1. **After a restart.** A node that starts finds the ids of the updates that still wait, and not those of the updates
//!    that were handled. If it then leads the stream, an update that Telegram sends again is handled again: one whose 200
//!    was lost before the restart.
//! 2. **Attempts.** They are counted over all workers, like over Redis, but the first attempt at an update that arrives
//!    while its partition has a worker isn't stored before the second one: if the worker dies or the partition gets
//!    another worker before that, it isn't counted.
//! 3. **Memory.** A worker has the updates themselves, and not their ids alone: up to 500 of each partition, which the
//!    server sends again in every half of the lease. When one chat has that many waiting, its partition's other chats wait
//!    too.
//! 4. **A connection that breaks** may lose messages on their way. A worker that notices it begins no more in those
//!    partitions until its handlers there have ended, and then reads them again from the oldest message on.
//! 5. **Round trips.** How often an update was begun is read by a round trip of its own if the update was in the queue when
//!    the worker claimed its partition. Each update is acknowledged by itself; those of a call share their waiting time.
//! 6. **Deleted while it is read**: a message that other programs delete is handled nevertheless if a worker has
//!    it already.
//!
//! # Durability
//!
//! Because Telegram got a 200, **an update that NATS forgets is lost**. With three [replicas](NatsQueue::replicas), an
//! update is on two nodes at least before its 200. A node hands its writes to the operating system at once, and has it
//! write them to the disk every two minutes: a power cut of one node alone, or of all nodes together, may lose updates of
//! that time, unless the server's `sync_interval` is `always`.
//!
//! # Example
//!
//! ```no_run
//! use async_nats::jetstream;
//! use tower_telegram::{
//!     Client,
//!     methods::SendMessage,
//!     nats::NatsQueue,
//!     types::Update,
//!     webhook::{SecretToken, Webhook},
//! };
//!
//! # async fn run(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let nats = async_nats::connect("nats://127.0.0.1:4222").await?;
//! let queue = NatsQueue::new(jetstream::new(nats), "my_bot")?.replicas(3);
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
//! # Security
//!
//! The streams keep updates until they are handled, and dead letters, with the text of the handler's error, until they
//! are discarded. Subjects contain no chat ids.

mod attempts;
mod call;
mod claimed;
mod dead_letters;
mod depth;
mod message;
mod queue;
mod reader;
mod streams;
mod workers;
mod writer;

pub use self::queue::NatsQueue;
