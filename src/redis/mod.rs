//! What replicas of a bot share through Redis.
//!
//! - [`RedisStore`]: which updates were handled, for [`DeliveryLayer`](crate::webhook::DeliveryLayer).
//!   Telegram may send an update to any replica, and again to another: each is handled once.
//! - [`RedisLocks`]: whose turn it is in a chat, for
//!   [`SequenceLayer`](crate::webhook::SequenceLayer::with_lock). Telegram may send a chat's message to
//!   one replica and the press of a button to another: they are handled one after the other.
//! - [`RedisLimits`]: what was sent when, for [`RateLimitLayer`](crate::client::RateLimitLayer).
//!   Telegram counts by bot, and not by replica.
//! - [`RedisSessions`]: what is remembered of a chat or a user between updates, for
//!   [`SessionLayer`](crate::router::session::SessionLayer).
//! - [`UpdateQueue`]: the updates themselves, in a [`queue`] between the replicas with the webhook and the
//!   workers with the handler. Telegram is answered once Redis has an update.
//!
//! All but the queue are for replicas that each have the webhook and the handler: nothing is kept that
//! Telegram doesn't have, and Telegram's 100 connections are what may run at the same time. The queue is
//! for handlers that take long, for rushes that are more than the workers can do at once, and for workers
//! that come and go by themselves; Redis then has what nobody else has.
//!
//! Each takes a connection of the crate [redis](https://docs.rs/redis): any that can be cloned. Its
//! `ConnectionManager` is a good one, as it connects again by itself, and can be made while Redis is
//! down; a plain `MultiplexedConnection` fails for ever once Redis was restarted. It is made inside a
//! Tokio runtime. What is asked is one script over keys of one slot, so that a cluster's connection
//! does too.
//!
//! A connection whose other end is gone without a word fails only when the operating system gives it
//! up, which may take a quarter of an hour: its `TcpSettings` can have a shorter time-out.
//!
//! Redis 5 or newer is needed, 6 for the queue, or what speaks like it. Its clock is the one that counts; those of the
//! replicas may differ.
//!
//! # Example
//!
//! ```no_run
//! use redis::aio::ConnectionManagerConfig;
//! use tower_telegram::{
//!     client::RateLimitLayer,
//!     redis::{RedisLimits, RedisLocks, RedisStore},
//!     types::Update,
//!     webhook::{DeliveryLayer, SecretToken, SequenceLayer, Webhook},
//! };
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let connection = redis::Client::open("redis://127.0.0.1/")?
//!     .get_connection_manager_lazy(ConnectionManagerConfig::new())?;
//!
//! // The way in:
//! let store = RedisStore::new(connection.clone(), "my_bot");
//! let locks = RedisLocks::new(connection.clone(), "my_bot");
//! let webhook = Webhook::new(SecretToken::new("a-long_Secret")?)
//!     .delivery(DeliveryLayer::with_store(store))
//!     .sequence(SequenceLayer::new().with_lock(locks))
//!     .handler(async |update: Update| println!("{}", update.update_id));
//! // The way out:
//! let limits = RateLimitLayer::new().shared(RedisLimits::new(connection, "my_bot"));
//! # drop((webhook, limits));
//! # Ok(())
//! # }
//! ```
//!
//! # Security
//!
//! Replies that wait for who asks again are kept in Redis as they are, with what they say to people,
//! for 24 hours at most. The queue keeps updates until they are handled, and dead letters, with the text
//! of the handler's error, until they are discarded. Keys name chats, as long as something is handled
//! there or was sent. No token is kept. An error never holds the address that the connection was made
//! from.

mod connection;
mod limits;
mod locks;
pub mod queue;
mod sessions;
mod store;
mod values;

#[doc(inline)]
pub use self::queue::{QueueError, UpdateQueue};
pub use self::{
    limits::RedisLimits,
    locks::{RedisLocks, RedisTurn},
    sessions::RedisSessions,
    store::RedisStore,
};
