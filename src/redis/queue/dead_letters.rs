//! What was given up.

use bytes::Bytes;

use super::{
    chat_key::{bot_of, chat_key, partition},
    error::QueueError,
    update_queue::{QueueKey, UpdateQueue, text},
};
use crate::{
    redis::values::number,
    webhook::{BotId, RawUpdate},
};

/// An update that was given up, from [`UpdateQueue::dead_letters`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuedDeadLetter {
    /// Its place among the dead letters. What is before the dash is when it was given up, in milliseconds
    /// of Unix time.
    pub id: Box<str>,
    /// Whose update it is, where several bots share the queue.
    pub bot: Option<BotId>,
    /// The update.
    pub update: RawUpdate,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time, in words for a person; at most 1000 bytes.
    pub failure: Box<str>,
}

impl UpdateQueue {
    /// The next dead letters `after` one of them, or the oldest, at most `count`.
    ///
    /// ```no_run
    /// # use tower_telegram::redis::{QueueError, UpdateQueue};
    /// # async fn look(queue: &UpdateQueue) -> Result<(), QueueError> {
    /// let mut last = None;
    /// loop {
    ///     let letters = queue.dead_letters(last.as_deref(), 100).await?;
    ///     for letter in &letters {
    ///         println!("{}: {}", letter.update.update_id(), letter.failure);
    ///     }
    ///     let Some(letter) = letters.last() else { break };
    ///     last = Some(letter.id.clone());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis can't be asked.
    pub async fn dead_letters(
        &self,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<QueuedDeadLetter>, QueueError> {
        let from = after.map_or_else(|| "-".into(), next_id);
        let call = self.call("letters", [QueueKey::Dead]).arg(from).arg(count);
        let answer: Vec<Vec<Bytes>> = self.connection.run(call).await?;
        answer.iter().map(|letter| read(letter)).collect()
    }

    /// Puts a dead letter into the queue once more, behind all that is there of its chat, to be tried as
    /// often as a new one; `false` where it is gone.
    ///
    /// # Errors
    ///
    /// When the queue is full, or Redis can't be asked.
    pub async fn requeue(&self, letter: &QueuedDeadLetter) -> Result<bool, QueueError> {
        let lane = chat_key(letter.bot, &letter.update);
        let stream = QueueKey::Stream(partition(&lane, self.partitions));
        let call = self.call("requeue", [QueueKey::Dead, stream]);
        let answer = self
            .ask(call.arg(&*letter.id).arg(self.max_length()))
            .await?;
        match answer.first().map(|what| &**what) {
            Some(b"added") => Ok(true),
            Some(b"gone") => Ok(false),
            Some(b"full") => Err(QueueError::full()),
            _ => Err(QueueError::unreadable()),
        }
    }

    /// Deletes a dead letter; `false` where it is gone.
    ///
    /// # Errors
    ///
    /// When Redis can't be asked.
    pub async fn discard(&self, letter: &QueuedDeadLetter) -> Result<bool, QueueError> {
        let call = self.call("discard", [QueueKey::Dead]).arg(&*letter.id);
        let answer = self.ask(call).await?;
        Ok(answer.first().is_some_and(|what| &**what == b"discarded"))
    }
}

/// The least id that is greater. Redis 6.2 would take `(` for that.
fn next_id(id: &str) -> String {
    let (time, number) = id.split_once('-').unwrap_or((id, "0"));
    match number.parse::<u64>().ok().and_then(|n| n.checked_add(1)) {
        Some(next) => format!("{time}-{next}"),
        None => id.to_owned(),
    }
}

fn read(letter: &[Bytes]) -> Result<QueuedDeadLetter, QueueError> {
    let [id, bot, json, attempts, failure] = letter else {
        return Err(QueueError::unreadable());
    };
    Ok(QueuedDeadLetter {
        id: text(id)?.into(),
        bot: bot_of(number(bot)?),
        update: RawUpdate::from_bytes(json.clone()).map_err(|_| QueueError::unreadable())?,
        attempts: number(attempts)?,
        failure: text(failure)?.into(),
    })
}
