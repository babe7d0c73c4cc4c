//! How much waits in a worker's partitions, for metrics.

use std::time::Duration;

use super::settings::WorkerSettings;
use crate::{
    redis::{
        queue::{error::QueueError, update_queue::QueueKey},
        values::number,
    },
    telemetry::names,
};

/// How often it is looked at, by one round trip.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Records the depth and the age of these partitions.
pub(super) async fn record(worker: &WorkerSettings, partitions: &[u16]) -> Result<(), QueueError> {
    let streams = partitions.iter().copied().map(QueueKey::Stream);
    let answer = worker
        .queue
        .ask(worker.queue.call("depth", streams))
        .await?;
    for (partition, values) in partitions.iter().zip(answer.chunks_exact(2)) {
        let (depth, millis): (u32, u64) = (number(&values[0])?, number(&values[1])?);
        let label = || [partition.to_string().into()];
        names::QUEUE_DEPTH.set(depth.into(), label());
        let age = Duration::from_millis(millis);
        names::QUEUE_AGE.set(age.as_secs_f64(), label());
    }
    Ok(())
}

/// A partition isn't this worker's any more. Another worker says how much waits there.
pub(super) fn forget(partition: u16) {
    let label = || [partition.to_string().into()];
    names::QUEUE_DEPTH.set(0.0, label());
    names::QUEUE_AGE.set(0.0, label());
}
