//! The number of messages that wait for their turn.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::policy::{CallPool, ChatScope};
use crate::task::shrinking_map::ShrinkingMap;

/// Counts the messages of waiting calls, so that a new call knows how many are before it.
#[derive(Debug, Default)]
pub(super) struct QueuedMessages {
    counts: Mutex<ShrinkingMap<QueuedKey, usize>>,
}

/// The queue of a chat, or of the calls that are first in the queue of their chat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum QueuedKey {
    Pool(CallPool),
    Chat(ChatScope),
}

impl QueuedMessages {
    fn counts(&self) -> MutexGuard<'_, ShrinkingMap<QueuedKey, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, key: &QueuedKey) -> usize {
        self.counts().get(key).copied().unwrap_or(0)
    }

    /// Counts these messages until the returned place is dropped.
    pub(super) fn join(&self, key: QueuedKey, messages: usize) -> QueuedPlace<'_> {
        let mut counts = self.counts();
        match counts.get_mut(&key) {
            Some(count) => *count += messages,
            None => counts.insert(key.clone(), messages),
        }
        drop(counts);
        QueuedPlace {
            queue: self,
            key,
            messages,
        }
    }
}

/// The messages of a call in a queue, until it is dropped.
#[derive(Debug)]
pub(super) struct QueuedPlace<'a> {
    queue: &'a QueuedMessages,
    key: QueuedKey,
    messages: usize,
}

impl Drop for QueuedPlace<'_> {
    fn drop(&mut self) {
        self.queue.counts().remove_if(&self.key, |count| {
            *count -= self.messages;
            *count == 0
        });
    }
}
