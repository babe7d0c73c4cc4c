//! Dead letters: the abandoned updates of a queue.

use crate::webhook::{BotId, RawUpdate};

/// An update that was abandoned, from the list of dead letters that each queue has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuedDeadLetter {
    /// Its id among the dead letters. See the queue's list for its form.
    pub id: Box<str>,
    /// The update's bot, if several share the queue.
    pub bot: Option<BotId>,
    /// The update.
    pub update: RawUpdate,
    /// How many attempts it had.
    pub attempts: u32,
    /// The last attempt's error with its causes, for people to read; at most 1000 bytes.
    pub failure: Box<str>,
}

impl QueuedDeadLetter {
    /// A dead letter, for the lists of engines.
    pub fn new(
        id: &str,
        bot: Option<BotId>,
        update: RawUpdate,
        attempts: u32,
        failure: &str,
    ) -> Self {
        Self {
            id: id.into(),
            bot,
            update,
            attempts,
            failure: failure.into(),
        }
    }
}
