//! What replicas of a bot share through Redis.
//!
//! - [`RedisStore`]: which updates were handled, for [`DeliveryLayer`](crate::webhook::DeliveryLayer).
//!   Telegram may send an update to any replica, and again to another: each is handled once.
//!
//! Each takes a connection of the crate [redis](https://docs.rs/redis): any that can be cloned. Its
//! `ConnectionManager` is a good one, as it connects again by itself, and can be made while Redis is
//! down; a plain `MultiplexedConnection` fails for ever once Redis was restarted. What is asked is one
//! script over keys of one slot, so that a cluster's connection does too.
//!
//! Redis 5 or newer is needed, or what speaks like it. Its clock is the one that counts; those of the
//! replicas may differ.
//!
//! # Example
//!
//! ```no_run
//! use redis::aio::ConnectionManagerConfig;
//! use tower_telegram::{
//!     redis::RedisStore,
//!     webhook::DeliveryLayer,
//! };
//!
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let connection = redis::Client::open("redis://127.0.0.1/")?
//!     .get_connection_manager_lazy(ConnectionManagerConfig::new())?;
//!
//! let delivery = DeliveryLayer::with_store(RedisStore::new(connection, "my_bot"));
//! # drop(delivery);
//! # Ok(())
//! # }
//! ```
//!
//! # Security
//!
//! Replies that wait for who asks again are kept in Redis as they are, with what they say to people,
//! for 24 hours at most. No token is kept, and no update. An error never holds the address that the
//! connection was made from.

mod connection;
mod store;

pub use self::store::RedisStore;
