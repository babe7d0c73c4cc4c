//! The error of a queue.

use std::{error, fmt};

use crate::redis::connection;

/// A failed operation of a queue. It may have been carried out nevertheless, if Redis' answer was lost.
#[derive(Debug)]
pub struct QueueError(QueueErrorKind);

#[derive(Debug)]
enum QueueErrorKind {
    Redis(connection::Error),
    Partitions { there: Box<str> },
    Full,
}

impl QueueError {
    pub(super) fn partitions(there: Box<str>) -> Self {
        Self(QueueErrorKind::Partitions { there })
    }

    pub(super) fn full() -> Self {
        Self(QueueErrorKind::Full)
    }

    /// Redis' own words, when it refuses a command of a script.
    pub(super) fn refused(words: &[u8]) -> Self {
        let words = String::from_utf8_lossy(words);
        connection::Error::Refused(words.into()).into()
    }

    pub(super) fn unreadable() -> Self {
        connection::Error::Unreadable.into()
    }

    /// Whether the queue was made with another number of partitions. No later attempt can succeed then.
    pub fn is_partitions(&self) -> bool {
        matches!(self.0, QueueErrorKind::Partitions { .. })
    }

    /// Whether the queue had no room for the update.
    pub fn is_full(&self) -> bool {
        matches!(self.0, QueueErrorKind::Full)
    }
}

impl From<connection::Error> for QueueError {
    fn from(error: connection::Error) -> Self {
        Self(QueueErrorKind::Redis(error))
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            QueueErrorKind::Redis(_) => f.write_str("the queue of updates failed"),
            QueueErrorKind::Partitions { there } => {
                write!(f, "the queue of updates has {there} partitions")
            }
            QueueErrorKind::Full => f.write_str("the queue of updates is full"),
        }
    }
}

impl error::Error for QueueError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            QueueErrorKind::Redis(error) => Some(error),
            QueueErrorKind::Partitions { .. } | QueueErrorKind::Full => None,
        }
    }
}
