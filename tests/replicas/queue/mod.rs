//! Updates that wait in Redis between the replicas with the webhook and the workers.

mod bench;
mod failures;
mod order;
mod shared;
mod takeover;
mod ways_in;
