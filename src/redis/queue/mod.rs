//! The queue of updates on Redis Streams.

mod additions;
mod dead_letters;
mod entry_id;
mod error;
mod reader;
mod redis_queue;
mod writer;

pub use self::{dead_letters::UnreadableLetter, redis_queue::RedisQueue};
