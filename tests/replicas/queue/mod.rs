//! Updates that wait in Redis between the replicas with the webhook and the workers.

mod failures;
mod order;
mod shared;
mod support;
mod takeover;
mod ways_in;
