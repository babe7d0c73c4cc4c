//! How much waits in partitions.

use std::time::{Duration, SystemTime};

use async_nats::jetstream::stream::{DirectGetErrorKind, Stream};
use futures_util::TryStreamExt as _;
use tower::BoxError;

use super::{
    call::{failed, in_time},
    queue::NatsQueue,
};
use crate::queue::{PartitionDepth, QueueError};

impl NatsQueue {
    /// How many messages each of these partitions has, and the age of its oldest: a round trip, and one for each
    /// partition that has some.
    pub(super) async fn depths(
        &self,
        partitions: &[u16],
    ) -> Result<Vec<PartitionDepth>, QueueError> {
        let measuring = async {
            let stream = self
                .context
                .get_stream_no_info(self.updates_stream())
                .await?;
            let counts = stream.info_with_subjects(self.partition_subjects()).await?;
            let counts: Vec<(String, usize)> = counts.try_collect().await?;
            let mut depths = Vec::with_capacity(partitions.len());
            for &partition in partitions {
                let subject = self.partition_subject(partition);
                let count = counts.iter().find(|(name, _)| *name == subject);
                let count = count.map_or(0, |&(_, count)| count);
                let age = match count {
                    0 => Duration::ZERO,
                    _ => age_of_oldest(&stream, &subject).await?,
                };
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                depths.push(PartitionDepth::new(partition, count, age));
            }
            Ok(depths)
        };
        in_time(self.timeout, measuring).await.map_err(failed)
    }
}

/// By the clocks of the server and of this process.
async fn age_of_oldest(stream: &Stream<()>, subject: &str) -> Result<Duration, BoxError> {
    match stream.direct_get_first_for_subject(subject).await {
        Ok(oldest) => {
            let age = SystemTime::now().duration_since(oldest.time.into());
            Ok(age.unwrap_or_default())
        }
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(Duration::ZERO),
        Err(error) => Err(error.into()),
    }
}
