//! The claims of a worker on partitions: heartbeats, and partitions that come and go.

use std::{sync::Arc, time::Duration};

use http::{Request, Response};
use tokio::time::Instant;
use tower::BoxError;
use tower_service::Service;

use super::WorkerRun;
use crate::{
    queue::{
        error::QueueError,
        reader::PartitionClaim,
        worker::{
            depth,
            failed_call::log_failed_call,
            heartbeat::{Heartbeat, HeartbeatResult},
            partition::Partition,
        },
    },
    telemetry::{metric, names},
    webhook::{RawUpdate, ReplyBody},
};

/// The longest time between two heartbeats, and so how soon other workers notice that one starts or ends.
const HEARTBEAT: Duration = Duration::from_secs(1);

impl<S> WorkerRun<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    /// Starts to send a heartbeat: it gives back the partitions that are idle, renews the claims on the others, and claims
    /// partitions up to a fair share.
    pub(super) fn start_heartbeat(&mut self) {
        self.next_heartbeat = Instant::now() + (self.reader.lease() / 4).min(HEARTBEAT);
        let heartbeat = Heartbeat {
            idle: self.idle(),
            held: self.partitions.values().map(|held| held.claim).collect(),
            is_leaving: !self.stays,
        };
        self.beating = Some(Box::pin(heartbeat.send(Arc::clone(&self.reader))));
    }

    /// The claims on partitions that are being left, in which no handler runs and all is recorded.
    fn idle(&self) -> Vec<PartitionClaim> {
        let is_idle = |number: u16| {
            self.attempts.recorder.is_settled(number)
                && !self
                    .runner
                    .is_running(|chat| chat.claim.partition == number)
        };
        let idle = |partition: &&Partition| partition.leaving && is_idle(partition.claim.partition);
        let idle = self.partitions.values().filter(idle);
        idle.map(|partition| partition.claim).collect()
    }

    pub(super) fn heard(&mut self, beat: HeartbeatResult) -> Result<(), QueueError> {
        for claim in beat.released {
            self.remove(claim.partition);
        }
        match beat.claimed {
            Ok(held) => {
                self.attempts.claims.renewed(beat.called);
                self.hold(&held.claims);
                if self.stays {
                    self.shed_excess_partitions(held.share);
                }
                self.start_measuring();
            }
            Err(error) if error.is_final() => return Err(error),
            Err(error) => log_failed_call(&error, "failed to renew claims on partitions"),
        }
        Ok(())
    }

    /// Keeps these partitions and no others.
    fn hold(&mut self, claims: &[PartitionClaim]) {
        let held = self.partitions.values().map(|held| held.claim);
        let lost: Vec<_> = held.filter(|claim| !claims.contains(claim)).collect();
        for PartitionClaim { partition, .. } in lost {
            names::CLAIMS_LOST.increment([]);
            tracing::warn!(partition, "partition lost to another worker");
            self.lose(partition);
        }
        for &claim in claims {
            let new = self.partitions.entry(claim.partition);
            let partition = new.or_insert_with(|| Partition::new(claim));
            // A heartbeat that began before a shutdown may bring new ones.
            partition.leaving |= !self.stays;
        }
    }

    /// Leaves the partitions beyond its share that have the fewest updates.
    fn shed_excess_partitions(&mut self, share: usize) {
        let staying = self.partitions.values_mut().filter(|p| !p.leaving);
        let mut staying: Vec<_> = staying.collect();
        let excess = staying.len().saturating_sub(share);
        if excess > 0 {
            staying.sort_by_key(|partition| partition.load());
            for partition in staying.into_iter().take(excess) {
                partition.leaving = true;
            }
            self.begin_leaving();
        }
    }

    /// Begins no more in the partitions that are being left, and gives back those that are idle at once.
    pub(super) fn begin_leaving(&mut self) {
        let partitions = &self.partitions;
        self.runner.retire(|chat| {
            partitions
                .get(&chat.claim.partition)
                .is_none_or(|held| held.leaving)
        });
        self.next_heartbeat = Instant::now();
    }

    /// Another worker has the partition. Its handlers here are cut off.
    pub(super) fn lose(&mut self, number: u16) {
        self.remove(number);
        self.runner.cut_off(|chat| chat.claim.partition == number);
    }

    fn remove(&mut self, number: u16) {
        self.partitions.remove(&number);
        if metric::IS_ON {
            depth::forget(self.reader.queue_name(), number);
        }
    }
}
