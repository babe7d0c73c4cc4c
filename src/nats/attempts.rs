//! Counts of attempts, in a stream with one message for each count.

use async_nats::{HeaderMap, jetstream::stream::LastRawMessageErrorKind};

use super::{
    call::{failed, in_time},
    queue::NatsQueue,
};
use crate::queue::QueueError;

impl NatsQueue {
    /// How many attempts were stored for the message with this number in the stream of updates.
    pub(super) async fn read_attempts(&self, message: u64) -> Result<u32, QueueError> {
        let subject = self.attempts_subject(&message.to_string());
        let reading = async {
            let stream = self.context.get_stream_no_info(self.attempts_stream());
            // Read from the stream's leader, because others may lack the last count.
            let stored = stream
                .await?
                .get_last_raw_message_by_subject(&subject)
                .await;
            match stored {
                Ok(stored) => {
                    let count = std::str::from_utf8(&stored.payload).unwrap_or_default();
                    // Another program's message is no count.
                    Ok(count.parse().unwrap_or(0))
                }
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(0),
                Err(error) => Err(error.into()),
            }
        };
        in_time(self.timeout, reading).await.map_err(failed)
    }

    pub(super) async fn store_attempts(
        &self,
        message: u64,
        attempts: u32,
    ) -> Result<(), QueueError> {
        let subject = self.attempts_subject(&message.to_string());
        let payload = attempts.to_string().into();
        let stored = self.publish(subject, None, HeaderMap::new(), payload).await;
        stored.map(drop).map_err(failed)
    }
}
