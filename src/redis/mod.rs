//! State that replicas of a bot share through Redis.
//!
//! - [`RedisStore`]: which updates were handled, for [`DeliveryLayer`](crate::webhook::DeliveryLayer).
//!   Telegram may send an update to any replica, and again to another: each is handled once.
//! - [`RedisLocks`]: a lock for each chat, for
//!   [`SequenceLayer`](crate::webhook::SequenceLayer::with_lock). Telegram may send a chat's message to
//!   one replica and the press of a button to another: they are handled one after the other.
//! - [`RedisLimits`]: when messages were sent, for [`RateLimitLayer`](crate::client::RateLimitLayer).
//!   Telegram counts by bot, and not by replica.
//! - [`RedisSessions`]: the state of a chat or a user between updates, for
//!   [`SessionLayer`](crate::router::session::SessionLayer).
//! - [`RedisQueue`]: the updates themselves, in a [`queue`](crate::queue) between the replicas with the webhook and the
//!   workers with the handler. The webhook responds once Redis has an update.
//! - [`WakeUps`]: a second connection, on which Redis wakes the workers of a queue and the waiters for a lock.
//!
//! All but the queue are for replicas that each have the webhook and the handler. Redis then keeps no update that
//! Telegram doesn't have, and at most 100 handlers run at the same time, because Telegram opens that many connections.
//! The queue is for handlers that take long, for more updates at once than the workers can handle, and for workers
//! that are started and stopped independently; some updates are then in Redis alone.
//!
//! # Connections
//!
//! ```toml
//! redis = { version = "1.8", default-features = false, features = ["connection-manager", "tokio-comp"] }
//! tower-telegram = { version = "0.1", features = ["redis"] }
//! ```
//!
//! Each takes a connection of the crate [redis](https://docs.rs/redis): any that can be cloned. Its
//! `ConnectionManager` is a good one, because it reconnects by itself, and can be made while Redis is
//! down; a plain `MultiplexedConnection` fails for ever once Redis was restarted. It is made inside a
//! Tokio runtime. Every call runs one script over keys of one slot, so that a cluster's connection works too; only
//! kept replies that are too many are deleted with an `UNLINK` of several keys, which such a connection splits.
//!
//! `ConnectionManager` and `MultiplexedConnection` have a time-out for each response, of 500 ms by default
//! (`ConnectionManagerConfig::set_response_timeout`), which ends a call before [`RedisStore::timeout`] does. It is
//! enough for replies of a few MiB in a data centre; over a slow network, or with a greater
//! [`RedisStore::max_file_bytes`], set a longer one.
//!
//! If the other end of a connection vanishes, the connection fails only when the operating system's time-out
//! ends, which may take a quarter of an hour: the connection's `TcpSettings` can have a shorter one.
//!
//! # Redis
//!
//! Redis 5 or newer is needed, 6 for the queue, or a compatible server. All times are those of its clock; the clocks
//! of the replicas may differ.
//!
//! A Redis that is out of memory and keeps its keys (`maxmemory-policy noeviction`) still claims updates and
//! records that they are done, grants locks and counts calls, which takes some hundred bytes each, and workers
//! still empty the queue. It keeps no replies, refuses to save sessions, and takes no updates into the queue: those
//! get a 503, and Telegram sends them again.
//!
//! # Example
//!
//! ```no_run
//! use redis::aio::ConnectionManagerConfig;
//! use tower_telegram::{
//!     client::RateLimitLayer,
//!     redis::{RedisLimits, RedisLocks, RedisStore, WakeUps},
//!     types::Update,
//!     webhook::{DeliveryLayer, SecretToken, SequenceLayer, Webhook},
//! };
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let redis = redis::Client::open("redis://127.0.0.1/")?;
//! let connection = redis.get_connection_manager_lazy(ConnectionManagerConfig::new())?;
//!
//! // Updates:
//! let store = RedisStore::new(connection.clone(), "my_bot");
//! let locks = RedisLocks::new(connection.clone(), "my_bot").wake_ups(&WakeUps::new(redis));
//! let webhook = Webhook::new(SecretToken::new("a-long_Secret")?)
//!     .delivery(DeliveryLayer::with_store(store))
//!     .sequence(SequenceLayer::new().with_lock(locks))
//!     .handler(async |update: Update| println!("{}", update.update_id));
//! // Calls:
//! let limits = RateLimitLayer::new().shared(RedisLimits::new(connection, "my_bot"));
//! # drop((webhook, limits));
//! # Ok(())
//! # }
//! ```
//!
//! # Security
//!
//! Replies are kept in Redis for redeliveries, with their texts and files, for 24 hours at most. The queue keeps updates until
//! they are handled, and dead letters, with the text of the handler's error, until they are discarded. Names of keys
//! contain chat ids, while a chat's updates are handled or messages to it are counted. No token is kept. No error
//! contains the address of Redis, which may have a password.

mod connection;
mod limits;
mod locks;
mod queue;
mod reply_files;
mod sessions;
mod store;
mod values;
mod wake_ups;

pub use self::{
    limits::RedisLimits,
    locks::{RedisLockGuard, RedisLocks},
    queue::{RedisQueue, UnreadableLetter},
    sessions::RedisSessions,
    store::RedisStore,
    wake_ups::WakeUps,
};
