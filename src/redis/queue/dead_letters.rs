//! Dead letters: the abandoned updates of a queue.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::{
    entry_id::next_id,
    error::unreadable,
    redis_queue::{QueueKey, RedisQueue, text},
};
use crate::{
    queue::{QueueError, QueuedDeadLetter, bot_of, chat_key, number_of, partition},
    redis::values::number,
    webhook::RawUpdate,
};

/// An entry of the queue that is no update, from [`RedisQueue::unreadable_letters`]: another program wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableLetter {
    /// Its id in the stream of dead letters. The part before the dash is the time at which it was found, in
    /// milliseconds of Unix time.
    pub id: Box<str>,
    /// The field that should be an update; for an entry without that field, all its fields as a JSON array.
    pub bytes: Bytes,
    /// Why it can't be read, for people to read; at most 1000 bytes.
    pub failure: Box<str>,
}

/// How many dead letters one call reads, at least and at most: those of the other kind are skipped.
const PAGE: RangeInclusive<usize> = 100..=1000;

impl RedisQueue {
    /// Up to `count` dead letters: those after the one with the id `after`, or the oldest.
    ///
    /// Their ids are those of the stream of dead letters. The part before the dash is the time at which the update was
    /// abandoned, in milliseconds of Unix time.
    ///
    /// ```no_run
    /// # use tower_telegram::{queue::QueueError, redis::RedisQueue};
    /// # async fn look(queue: &RedisQueue) -> Result<(), QueueError> {
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
    /// When Redis can't be reached.
    pub async fn dead_letters(
        &self,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<QueuedDeadLetter>, QueueError> {
        self.letters(after, count, read_letter).await
    }

    /// Up to `count` dead letters that are no updates: those after the one with the id `after`, or the oldest. They
    /// are in one stream with the [others](Self::dead_letters), and count towards
    /// [`max_dead_letters`](Self::max_dead_letters) like them.
    ///
    /// # Errors
    ///
    /// When Redis can't be reached.
    pub async fn unreadable_letters(
        &self,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<UnreadableLetter>, QueueError> {
        self.letters(after, count, read_unreadable).await
    }

    /// The dead letters of one kind.
    async fn letters<T>(
        &self,
        after: Option<&str>,
        count: usize,
        read: fn(&[Bytes]) -> Option<T>,
    ) -> Result<Vec<T>, QueueError> {
        let mut letters = Vec::new();
        let mut from = after.map_or_else(|| Some("-".to_owned()), next_id);
        let page_size = count.clamp(*PAGE.start(), *PAGE.end());
        while letters.len() < count
            && let Some(start) = from
        {
            let call = self.call("letters", [QueueKey::Dead]);
            let page: Vec<Vec<Bytes>> = self.connection.run(call.arg(start).arg(page_size)).await?;
            letters.extend(page.iter().filter_map(|letter| read(letter)));
            let last = page.last().and_then(|letter| letter.first());
            let Some(last) = last.filter(|_| page.len() == page_size) else {
                break;
            };
            from = next_id(text(last)?);
        }
        letters.truncate(count);
        Ok(letters)
    }

    /// Moves a dead letter back into the queue, behind all updates of its chat, with as many attempts as a new
    /// one; `false` if it doesn't exist any more.
    ///
    /// # Errors
    ///
    /// When the queue is full, or Redis can't be reached.
    pub async fn requeue(&self, letter: &QueuedDeadLetter) -> Result<bool, QueueError> {
        let chat_key = chat_key(letter.bot, &letter.update);
        let partition = partition(&chat_key, self.partitions);
        let keys = [QueueKey::Dead, QueueKey::Stream(partition)];
        let call = self.call("requeue", keys).arg(&*letter.id);
        let call = call.arg(self.max_length()).arg(self.wake_ups.process());
        let call = call.arg(partition).arg(number_of(letter.bot)).arg(chat_key);
        let answer = self.query(call.arg(&letter.update.bytes()[..])).await?;
        self.wake(&answer, partition);
        match answer.first().map(|what| &**what) {
            Some(b"added") => Ok(true),
            Some(b"gone") => Ok(false),
            Some(b"full") => Err(QueueError::full()),
            _ => Err(unreadable()),
        }
    }

    /// Deletes a dead letter; `false` if it doesn't exist any more.
    ///
    /// # Errors
    ///
    /// When Redis can't be reached.
    pub async fn discard(&self, letter: &QueuedDeadLetter) -> Result<bool, QueueError> {
        self.discard_letter(&letter.id).await
    }

    /// Deletes a dead letter that is no update; `false` if it doesn't exist any more.
    ///
    /// # Errors
    ///
    /// When Redis can't be reached.
    pub async fn discard_unreadable(&self, letter: &UnreadableLetter) -> Result<bool, QueueError> {
        self.discard_letter(&letter.id).await
    }

    async fn discard_letter(&self, id: &str) -> Result<bool, QueueError> {
        let call = self.call("discard", [QueueKey::Dead]).arg(id);
        let answer = self.query(call).await?;
        Ok(answer.first().is_some_and(|what| &**what == b"discarded"))
    }
}

/// `None` for an entry that is no update. Its bot may be no number.
fn read_letter(letter: &[Bytes]) -> Option<QueuedDeadLetter> {
    let [id, bot, json, attempts, failure] = letter else {
        return None;
    };
    Some(QueuedDeadLetter {
        id: text(id).ok()?.into(),
        bot: number(bot).ok().and_then(bot_of),
        update: RawUpdate::from_bytes(json.clone()).ok()?,
        attempts: number(attempts).unwrap_or(0),
        failure: String::from_utf8_lossy(failure).into(),
    })
}

/// `None` for an entry that is an update.
fn read_unreadable(letter: &[Bytes]) -> Option<UnreadableLetter> {
    let [id, _, bytes, _, failure] = letter else {
        return None;
    };
    if RawUpdate::from_bytes(bytes.clone()).is_ok() {
        return None;
    }
    Some(UnreadableLetter {
        id: text(id).ok()?.into(),
        bytes: bytes.clone(),
        failure: String::from_utf8_lossy(failure).into(),
    })
}
