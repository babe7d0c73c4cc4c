//! Calls of the server, with their limit of time.

use std::{future::Future, time::Duration};

use async_nats::{
    HeaderMap,
    jetstream::{self, ErrorCode, message::PublishMessage, publish::PublishAck},
};
use bytes::Bytes;
use tokio::time::timeout;
use tower::BoxError;

use super::queue::NatsQueue;
use crate::queue::QueueError;

impl NatsQueue {
    /// Adds a message to a stream, once within the stream's window for duplicates if it has an id.
    pub(super) async fn publish(
        &self,
        subject: String,
        id: Option<&str>,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<PublishAck, BoxError> {
        let mut message = PublishMessage::build().headers(headers).payload(payload);
        if let Some(id) = id {
            message = message.message_id(id);
        }
        let publishing = async {
            let acknowledged = self.context.send_publish(subject, message).await?;
            Ok(acknowledged.await?)
        };
        in_time(self.timeout, publishing).await
    }
}

/// Waits for the end of a call, or until its time is over.
pub(super) async fn in_time<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    let ended = timeout(limit, call).await;
    ended.map_err(|_| BoxError::from("nats didn't respond in time"))?
}

pub(super) fn failed(error: impl Into<BoxError>) -> QueueError {
    QueueError::new(error)
}

/// The number of JetStream's own error in a chain of errors.
pub(super) fn error_code(error: &(dyn std::error::Error + 'static)) -> Option<ErrorCode> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<jetstream::Error>() {
            return Some(error.error_code());
        }
        next = error.source();
    }
    None
}
