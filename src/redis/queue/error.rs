//! Failed calls of Redis as errors of a queue.

use crate::{queue::QueueError, redis::connection};

impl From<connection::Error> for QueueError {
    fn from(error: connection::Error) -> Self {
        Self::new(error)
    }
}

/// Redis' own words, when it refuses a command of a script.
pub(super) fn refused(words: &[u8]) -> QueueError {
    let words = String::from_utf8_lossy(words);
    connection::Error::Refused(words.into()).into()
}

/// An answer that no script of this version gives.
pub(super) fn unreadable() -> QueueError {
    connection::Error::Unreadable.into()
}
