//! What replicas share through Redis. The tests start one of their own.

mod server;
mod stores;
