//! The error of a queue.

use std::{error, fmt};

use tower::BoxError;

/// A failed operation of a queue. It may have been carried out nevertheless, if the engine's answer was lost.
#[derive(Debug)]
pub struct QueueError(QueueErrorKind);

#[derive(Debug)]
enum QueueErrorKind {
    Engine(BoxError),
    Partitions { there: Box<str> },
    Settings { what: Box<str> },
    Full,
    Timeout,
}

impl QueueError {
    /// The engine failed for this reason, or its answer is unknown. Workers try again for as long as it takes.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self(QueueErrorKind::Engine(source.into()))
    }

    /// The queue was made with another number of partitions: `there`. It ends a worker.
    pub fn partitions(there: impl Into<Box<str>>) -> Self {
        let there = there.into();
        Self(QueueErrorKind::Partitions { there })
    }

    /// The queue's storage exists with other settings, under which updates would be lost or handled again. `what` names
    /// the setting and its value. It ends a worker.
    pub fn settings(what: impl Into<Box<str>>) -> Self {
        let what = what.into();
        Self(QueueErrorKind::Settings { what })
    }

    /// The queue has no room.
    pub fn full() -> Self {
        Self(QueueErrorKind::Full)
    }

    /// The engine didn't respond in time. It may carry the call out nevertheless.
    pub(super) fn timeout() -> Self {
        Self(QueueErrorKind::Timeout)
    }

    /// Whether the queue was made with another number of partitions. No later attempt can succeed then.
    pub fn is_partitions(&self) -> bool {
        matches!(self.0, QueueErrorKind::Partitions { .. })
    }

    /// Whether the queue's storage exists with settings that it can't have. No later attempt can succeed then.
    pub fn is_settings(&self) -> bool {
        matches!(self.0, QueueErrorKind::Settings { .. })
    }

    /// Whether another call can't succeed either.
    pub(super) fn is_final(&self) -> bool {
        self.is_partitions() || self.is_settings()
    }

    /// Whether the queue had no room for the update.
    pub fn is_full(&self) -> bool {
        matches!(self.0, QueueErrorKind::Full)
    }

    /// Whether the engine didn't respond within [`Worker::call_timeout`](super::Worker::call_timeout) or
    /// [`Enqueue::timeout`](super::Enqueue::timeout). An engine's own limit of time makes another error, which only
    /// its [`source`](error::Error::source) tells apart.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, QueueErrorKind::Timeout)
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            QueueErrorKind::Engine(_) => f.write_str("the queue of updates failed"),
            QueueErrorKind::Partitions { there } => {
                write!(f, "the queue of updates has {there} partitions")
            }
            QueueErrorKind::Settings { what } => {
                write!(f, "the queue of updates exists with other settings: {what}")
            }
            QueueErrorKind::Full => f.write_str("the queue of updates is full"),
            QueueErrorKind::Timeout => f.write_str("the queue of updates didn't respond in time"),
        }
    }
}

impl error::Error for QueueError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            QueueErrorKind::Engine(error) => Some(&**error),
            QueueErrorKind::Partitions { .. }
            | QueueErrorKind::Settings { .. }
            | QueueErrorKind::Full
            | QueueErrorKind::Timeout => None,
        }
    }
}
