//! Updates that wait in Redis between the replicas with the webhook and the workers.

mod failures;
mod foreign;
mod full;
mod order;
mod settings;
mod shared;
mod support;
mod takeover;
mod wake_ups;
mod ways_in;
