//! The heartbeat of a worker, which gives partitions back and renews its claims on the others.

use std::sync::Arc;

use tokio::time::Instant;

use super::failed_call::log_failed_call;
use crate::queue::{
    error::QueueError,
    reader::{ErasedReader, HeldPartitions, PartitionClaim},
};

/// The calls of a heartbeat. They may take as long as the engine hangs, and the worker goes on meanwhile.
pub(super) struct Heartbeat {
    /// The claims to give back.
    pub(super) idle: Vec<PartitionClaim>,
    /// All claims, those included.
    pub(super) held: Vec<PartitionClaim>,
    pub(super) is_leaving: bool,
}

pub(super) struct HeartbeatResult {
    /// The claims that were given back.
    pub(super) released: Vec<PartitionClaim>,
    /// When the call began that renewed the others.
    pub(super) called: Instant,
    pub(super) claimed: Result<HeldPartitions, QueueError>,
}

impl Heartbeat {
    pub(super) async fn send(mut self, reader: Arc<dyn ErasedReader>) -> HeartbeatResult {
        let mut released = self.idle;
        if !released.is_empty()
            && let Err(error) = reader.release(&released).await
        {
            log_failed_call(&error, "failed to release partitions");
            released.clear();
        }
        self.held.retain(|claim| !released.contains(claim));
        let called = Instant::now();
        HeartbeatResult {
            released,
            called,
            claimed: reader.claim(&self.held, self.is_leaving).await,
        }
    }
}
