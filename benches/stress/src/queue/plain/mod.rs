//! The same work with the engines alone: no order in a chat, no claims, no dead letters.

mod jetstream;
mod redis_stream;

pub(crate) use self::{jetstream::JetStreamConsumer, redis_stream::RedisStream};

/// How many entries are read at a time.
const PAGE: usize = 100;
