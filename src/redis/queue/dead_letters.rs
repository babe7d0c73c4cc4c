//! What was abandoned.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::{
    chat_key::{bot_of, chat_key, number_of, partition},
    error::QueueError,
    update_queue::{QueueKey, UpdateQueue, text},
};
use crate::{
    redis::values::number,
    webhook::{BotId, RawUpdate},
};

/// An update that was abandoned, from [`UpdateQueue::dead_letters`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuedDeadLetter {
    /// Its place among the dead letters. What is before the dash is when it was abandoned, in milliseconds
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

/// An entry of the queue that is no update, from [`UpdateQueue::unreadable_letters`]: something else than this
/// crate wrote it there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableLetter {
    /// Its place among the dead letters. What is before the dash is when it was found, in milliseconds
    /// of Unix time.
    pub id: Box<str>,
    /// What should be an update; for an entry that has nothing of the kind, all its fields as a JSON array.
    pub bytes: Bytes,
    /// Why it can't be read, in words for a person; at most 1000 bytes.
    pub failure: Box<str>,
}

/// How many dead letters are asked for at once, at the least and at most: those of the other kind are passed
/// over.
const PAGE: RangeInclusive<usize> = 100..=1000;

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
        self.letters(after, count, read_letter).await
    }

    /// The next dead letters that are no updates `after` one of them, or the oldest, at most `count`. They are in
    /// one stream with the [others](Self::dead_letters), and count among them.
    ///
    /// # Errors
    ///
    /// When Redis can't be asked.
    pub async fn unreadable_letters(
        &self,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<UnreadableLetter>, QueueError> {
        self.letters(after, count, read_unreadable).await
    }

    /// Those of one kind, whatever is between them.
    async fn letters<T>(
        &self,
        after: Option<&str>,
        count: usize,
        read: fn(&[Bytes]) -> Option<T>,
    ) -> Result<Vec<T>, QueueError> {
        let mut letters = Vec::new();
        let mut from = after.map_or_else(|| "-".into(), next_id);
        let page_size = count.clamp(*PAGE.start(), *PAGE.end());
        while letters.len() < count {
            let call = self.call("letters", [QueueKey::Dead]);
            let page: Vec<Vec<Bytes>> = self.connection.run(call.arg(from).arg(page_size)).await?;
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
        let call = call.arg(&*letter.id).arg(self.max_length());
        let call = call.arg(number_of(letter.bot)).arg(lane);
        let answer = self.ask(call.arg(&letter.update.bytes()[..])).await?;
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
        self.discard_letter(&letter.id).await
    }

    /// Deletes a dead letter that is no update; `false` where it is gone.
    ///
    /// # Errors
    ///
    /// When Redis can't be asked.
    pub async fn discard_unreadable(&self, letter: &UnreadableLetter) -> Result<bool, QueueError> {
        self.discard_letter(&letter.id).await
    }

    async fn discard_letter(&self, id: &str) -> Result<bool, QueueError> {
        let call = self.call("discard", [QueueKey::Dead]).arg(id);
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

/// `None` for one that is no update. Its bot may be none that can be.
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

/// `None` for one that is an update.
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
