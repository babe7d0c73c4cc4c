//! A message that a worker has: an entry of the queue.

use std::sync::Arc;

use async_nats::jetstream::Message;
use tokio::sync::Mutex;

use super::writer::{BOT_HEADER, TRACE_HEADER};
use crate::{
    queue::{BegunEntry, bot_of},
    webhook::{BotId, Failure, RawUpdate},
};

/// The number of a message with the time at which it was stored, because a stream that was made anew begins its numbers
/// at 1.
pub(super) fn stored_id(sequence: u64, stored_at: i128) -> String {
    format!("{sequence} of {stored_at}")
}

pub(super) struct ReceivedMessage {
    /// Its number in the stream, as the id of the entry.
    pub(super) id: Arc<str>,
    pub(super) sequence: u64,
    /// When the server stored it, in nanoseconds of Unix time.
    stored_at: i128,
    pub(super) message: Message,
    /// Another worker may have begun it.
    pub(super) is_inherited: bool,
    pub(super) attempts: Mutex<CountedAttempts>,
}

/// The attempts at a message.
#[derive(Default)]
pub(super) struct CountedAttempts {
    /// How many count. `None` until that was read for a message that another worker may have begun.
    pub(super) count: Option<u32>,
    /// Whether the count is stored.
    pub(super) is_stored: bool,
    /// The name of the last one.
    pub(super) last: Option<Arc<str>>,
}

impl ReceivedMessage {
    pub(super) fn new(
        sequence: u64,
        stored_at: i128,
        is_inherited: bool,
        message: Message,
    ) -> Self {
        let attempts = CountedAttempts {
            count: (!is_inherited).then_some(0),
            is_stored: is_inherited,
            last: None,
        };
        Self {
            id: sequence.to_string().into(),
            sequence,
            stored_at,
            message,
            is_inherited,
            attempts: Mutex::new(attempts),
        }
    }

    /// See [`stored_id`].
    pub(super) fn stored_id(&self) -> String {
        stored_id(self.sequence, self.stored_at)
    }

    /// The update and its bot. A message of another program may be none.
    pub(super) fn update(&self) -> Result<(Option<BotId>, RawUpdate), Failure> {
        let bot = match self.header(BOT_HEADER) {
            Some(number) => number
                .parse()
                .map_err(|_| Failure::permanent("the message's bot is no number"))?,
            None => 0,
        };
        let update = RawUpdate::from_bytes(self.message.payload.clone());
        Ok((bot_of(bot), update.map_err(Failure::permanent)?))
    }

    /// The entry with so many attempts.
    pub(super) fn entry(&self, attempts: u32) -> BegunEntry {
        let mut entry = BegunEntry::new(attempts, self.update());
        entry.trace_context = self.header(TRACE_HEADER).map(Into::into);
        entry
    }

    fn header(&self, name: &str) -> Option<&str> {
        let value = self.message.headers.as_ref()?.get(name)?;
        Some(value.as_str())
    }
}
