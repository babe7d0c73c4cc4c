//! What replicas share through Redis. The tests start one of their own.

mod delivery;
mod limits;
mod server;
mod stores;
