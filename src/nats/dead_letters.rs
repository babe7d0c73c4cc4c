//! Dead letters: the abandoned updates of a queue.

use async_nats::{
    HeaderMap, HeaderValue,
    jetstream::{
        ErrorCode,
        message::StreamMessage,
        stream::{DeleteMessageErrorKind, DirectGetErrorKind, RawMessageErrorKind, Stream},
    },
};

use super::{
    call::{failed, in_time},
    message::{ReceivedMessage, stored_id},
    queue::NatsQueue,
    writer::{BOT_HEADER, headers_of, is_full},
};
use crate::{
    queue::{QueueError, QueuedDeadLetter, bot_of, chat_key, partition},
    webhook::RawUpdate,
};

const ATTEMPTS_HEADER: &str = "Telegram-Attempts";
const FAILURE_HEADER: &str = "Telegram-Failure";

impl NatsQueue {
    /// Up to `count` dead letters: those after the one with the id `after`, or the oldest. Each takes a round trip.
    /// Their ids are their numbers in the stream of dead letters.
    ///
    /// A message of another program that is no update is among the messages of that stream too, and isn't listed.
    ///
    /// # Errors
    ///
    /// When the server can't be reached, or `after` is no number.
    pub async fn dead_letters(
        &self,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<QueuedDeadLetter>, QueueError> {
        let mut next = match after {
            Some(id) => sequence(id)?.saturating_add(1),
            None => 1,
        };
        let stream = self.dead_letter_stream().await?;
        let mut letters = Vec::new();
        while letters.len() < count {
            let reading = stream.direct_get_next_for_subject(self.dead_subject(), Some(next));
            let read = in_time(self.timeout, async { Ok(reading.await) }).await;
            match read.map_err(failed)? {
                Ok(message) => {
                    next = message.sequence.saturating_add(1);
                    letters.extend(read_letter(&message));
                }
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => break,
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(letters)
    }

    /// Moves a dead letter back into the queue, behind all updates of its chat, with as many attempts as a new
    /// one; `false` if it doesn't exist any more.
    ///
    /// # Errors
    ///
    /// When the queue is full, or the server can't be reached.
    pub async fn requeue(&self, letter: &QueuedDeadLetter) -> Result<bool, QueueError> {
        let stream = self.dead_letter_stream().await?;
        let number = sequence(&letter.id)?;
        let finding = async { Ok(stream.get_raw_message(number).await) };
        let stored = match in_time(self.timeout, finding).await.map_err(failed)? {
            Ok(stored) => stored,
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let chat_key = chat_key(letter.bot, &letter.update);
        let subject = self.partition_subject(partition(&chat_key, self.partitions));
        // The same however often this is tried, and another one if the stream was made anew.
        let stored_id = stored_id(number, stored.time.unix_timestamp_nanos());
        let id = format!("dead letter {stored_id}");
        let payload = letter.update.bytes().clone();
        let headers = headers_of(letter.bot);
        match self.publish(subject, Some(&id), headers, payload).await {
            Ok(_) => self.discard(letter).await,
            Err(error) if is_full(&error) => Err(QueueError::full()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Deletes a dead letter; `false` if it doesn't exist any more.
    ///
    /// # Errors
    ///
    /// When the server can't be reached.
    pub async fn discard(&self, letter: &QueuedDeadLetter) -> Result<bool, QueueError> {
        let stream = self.dead_letter_stream().await?;
        let deleting = stream.delete_message(sequence(&letter.id)?);
        let deleted = in_time(self.timeout, async { Ok(deleting.await) }).await;
        match deleted.map_err(failed)? {
            Ok(is_deleted) => Ok(is_deleted),
            Err(error) => match error.kind() {
                DeleteMessageErrorKind::JetStream(refusal)
                    if refusal.error_code() == ErrorCode::SEQUENCE_NOT_FOUND =>
                {
                    Ok(false)
                }
                _ => Err(failed(error)),
            },
        }
    }

    /// Adds a message to the dead letters, once however often that is tried.
    pub(super) async fn add_dead_letter(
        &self,
        message: &ReceivedMessage,
        attempts: u32,
        failure: &str,
    ) -> Result<(), QueueError> {
        if self.max_dead_letters == 0 {
            return Ok(());
        }
        let mut headers = HeaderMap::new();
        let original = message.message.headers.as_ref();
        if let Some(bot) = original.and_then(|headers| headers.get(BOT_HEADER)) {
            headers.insert(BOT_HEADER, bot.as_str());
        }
        headers.insert(ATTEMPTS_HEADER, attempts.to_string());
        // A header is one line.
        headers.insert(FAILURE_HEADER, failure.replace(['\r', '\n'], " "));
        let payload = message.message.payload.clone();
        let id = message.stored_id();
        let published = self.publish(self.dead_subject(), Some(&id), headers, payload);
        published.await.map(drop).map_err(failed)
    }

    async fn dead_letter_stream(&self) -> Result<Stream<()>, QueueError> {
        self.set_up().await?;
        let stream = self.context.get_stream_no_info(self.dead_stream()).await;
        stream.map_err(failed)
    }
}

/// An id as the number in the stream that it is.
fn sequence(id: &str) -> Result<u64, QueueError> {
    id.parse()
        .map_err(|_| failed("the id of a dead letter is a number"))
}

/// `None` for a message that is no update.
fn read_letter(message: &StreamMessage) -> Option<QueuedDeadLetter> {
    let header = |name| message.headers.get(name).map(HeaderValue::as_str);
    let bot = header(BOT_HEADER).map_or(Ok(0), str::parse).ok()?;
    Some(QueuedDeadLetter {
        id: message.sequence.to_string().into(),
        bot: bot_of(bot),
        update: RawUpdate::from_bytes(message.payload.clone()).ok()?,
        attempts: header(ATTEMPTS_HEADER)
            .and_then(|attempts| attempts.parse().ok())
            .unwrap_or(0),
        failure: header(FAILURE_HEADER).unwrap_or_default().into(),
    })
}
