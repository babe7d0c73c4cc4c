//! What replicas share through Redis. The tests start one of their own.

// What tests share fails them as they would themselves.
#![allow(clippy::unwrap_used)]

mod delivery;
mod full;
mod limits;
mod locks;
mod queue;
mod round_trips;
mod server;
mod sessions;
mod simulation;
mod stores;
