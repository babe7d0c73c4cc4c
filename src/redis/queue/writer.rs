//! Adding updates to the queue.

use super::{
    error::unreadable,
    update_queue::{QueueKey, UpdateQueue},
};
use crate::{
    queue::{Enqueue, Enqueued, QueueError, QueueWriter, chat_key, number_of, partition},
    redis::values::{LIFE, millis},
    webhook::{BotId, RawUpdate},
};

impl UpdateQueue {
    /// Adds an update to the queue. `bot` is the update's bot if several share the queue.
    ///
    /// # Errors
    ///
    /// When Redis can't be reached, or the queue has another number of partitions. The update may be in the
    /// queue nevertheless, because an answer can get lost; adding it again is safe.
    pub async fn enqueue(
        &self,
        bot: Option<BotId>,
        update: &RawUpdate,
    ) -> Result<Enqueued, QueueError> {
        let chat_key = chat_key(bot, update);
        let bot = number_of(bot);
        let partition = partition(&chat_key, self.partitions);
        let seen = format!("{bot}:{}", update.update_id());
        let call = self
            .call(
                "enqueue",
                [QueueKey::Stream(partition), QueueKey::Seen(&seen)],
            )
            .arg(self.max_length())
            .arg(millis(LIFE))
            .arg(self.wake_ups.process())
            .arg(partition)
            .arg(bot)
            .arg(chat_key)
            .arg(&update.bytes()[..])
            .arg(
                self.context
                    .as_ref()
                    .and_then(|context| context())
                    .unwrap_or_default(),
            );
        let answer = self.ask(call).await?;
        self.wake(&answer, partition);
        match answer.first().map(|what| &**what) {
            Some(b"added") => Ok(Enqueued::Added),
            Some(b"known") => Ok(Enqueued::Known),
            Some(b"full") => Ok(Enqueued::Full),
            _ => Err(unreadable()),
        }
    }

    /// The queue as a service that takes a handler's place. See [`Enqueue`] for its responses.
    pub fn service(&self) -> Enqueue {
        Enqueue::new(self.clone())
    }
}

impl QueueWriter for UpdateQueue {
    async fn put(&self, bot: Option<BotId>, update: &RawUpdate) -> Result<Enqueued, QueueError> {
        self.enqueue(bot, update).await
    }
}
