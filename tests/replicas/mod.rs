//! State that replicas share through Redis. The tests start a server of their own.

// Shared helpers may panic like tests.
#![allow(clippy::unwrap_used)]

mod delivery;
mod full;
mod late;
mod limits;
mod locks;
mod polling;
mod queue;
mod round_trips;
pub(crate) mod server;
mod sessions;
mod simulation;
mod stores;
