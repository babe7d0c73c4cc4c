//! How much waits in a worker's partitions, for metrics.

use std::time::Duration;

use crate::{queue::reader::PartitionDepth, telemetry::names};

/// How often it is measured.
pub(super) const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// Records the depth and the age of these partitions of a queue.
pub(super) fn record(queue: &str, depths: &[PartitionDepth]) {
    for depth in depths {
        let labels = || [queue.to_owned().into(), depth.partition.to_string().into()];
        names::QUEUE_DEPTH.set(depth.updates.into(), labels());
        names::QUEUE_AGE.set(depth.age.as_secs_f64(), labels());
    }
}

/// A partition isn't this worker's any more. Another worker says how much waits there.
pub(super) fn forget(queue: &str, partition: u16) {
    record(queue, &[PartitionDepth::new(partition, 0, Duration::ZERO)]);
}
