//! Conditions that an update meets or doesn't meet.

use std::{fmt, sync::Arc};

use crate::types::{ChatType, Update};

/// A predicate of updates, shared by clones.
#[derive(Clone)]
pub(super) struct Condition(Arc<dyn Fn(&Update) -> bool + Send + Sync>);

impl Condition {
    pub(super) fn new(predicate: impl Fn(&Update) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(predicate))
    }

    pub(super) fn private() -> Self {
        Self::new(|update| {
            let chat = update.chat();
            chat.is_some_and(|chat| chat.kind == ChatType::Private)
        })
    }

    pub(super) fn in_chats(mut chats: Vec<i64>) -> Self {
        chats.sort_unstable();
        Self::new(move |update| {
            let chat = update.chat();
            chat.is_some_and(|chat| chats.binary_search(&chat.id).is_ok())
        })
    }

    pub(super) fn is_met(&self, update: &Update) -> bool {
        (self.0)(update)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condition")
    }
}
