//! What replicas share through Redis. The tests start one of their own.

mod delivery;
mod server;
mod stores;
