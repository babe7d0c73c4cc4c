//! Adding updates to the queue.

use async_nats::{HeaderMap, jetstream::ErrorCode};
use tower::BoxError;

use super::{
    call::{error_code, failed},
    queue::NatsQueue,
};
use crate::{
    queue::{Enqueue, Enqueued, QueueError, QueueWriter, chat_key, number_of, partition},
    webhook::{BotId, RawUpdate},
};

/// The header with the number of the update's bot, if several share the queue.
pub(super) const BOT_HEADER: &str = "Telegram-Bot-Id";

/// The header with the W3C trace context in which an update was added.
pub(super) const TRACE_HEADER: &str = "traceparent";

impl NatsQueue {
    /// Adds an update to the queue. `bot` is the update's bot if several share the queue.
    ///
    /// # Errors
    ///
    /// When the server can't be reached or refuses the message, for example because it is larger than the server's
    /// `max_payload` (1 MiB by default), or the queue has another number of partitions. The update may be in the
    /// queue nevertheless, because an answer can get lost; adding it again is safe.
    pub async fn enqueue(
        &self,
        bot: Option<BotId>,
        update: &RawUpdate,
    ) -> Result<Enqueued, QueueError> {
        self.set_up().await?;
        let chat_key = chat_key(bot, update);
        let subject = self.partition_subject(partition(&chat_key, self.partitions));
        let id = format!("{}:{}", number_of(bot), update.update_id());
        let mut headers = headers_of(bot);
        if let Some(context) = self.trace_context.as_ref().and_then(|context| context()) {
            headers.insert(TRACE_HEADER, context);
        }
        let payload = update.bytes().clone();
        match self.publish(subject, Some(&id), headers, payload).await {
            Ok(added) if added.duplicate => Ok(Enqueued::Known),
            Ok(_) => Ok(Enqueued::Added),
            Err(error) if is_full(&error) => Ok(Enqueued::Full),
            Err(error) => {
                self.set_up_again();
                Err(failed(error))
            }
        }
    }

    /// The queue as a service that takes a handler's place. See [`Enqueue`] for its responses.
    pub fn service(&self) -> Enqueue {
        Enqueue::new(self.clone())
    }
}

impl QueueWriter for NatsQueue {
    async fn put(&self, bot: Option<BotId>, update: &RawUpdate) -> Result<Enqueued, QueueError> {
        self.enqueue(bot, update).await
    }
}

/// The headers of an update of this bot.
pub(super) fn headers_of(bot: Option<BotId>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(BotId(number)) = bot {
        headers.insert(BOT_HEADER, number.to_string());
    }
    headers
}

/// Whether the stream refused a message because its subject has its limit of them. The number is also that of other
/// errors of the store.
pub(super) fn is_full(error: &BoxError) -> bool {
    error_code(&**error) == Some(ErrorCode::STREAM_STORE_FAILED)
        && crate::client::ErrorChain(&**error)
            .to_string()
            .contains("maximum messages per subject")
}
