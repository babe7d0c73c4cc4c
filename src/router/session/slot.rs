//! The session of one update, between the layer and the handler.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::store::SessionError;

/// The session in the extensions of a request. Clones share it.
pub(super) struct SessionSlot<T>(Arc<Slot<T>>);

struct Slot<T> {
    load: Box<dyn Fn() -> Loading<T> + Send + Sync>,
    state: Mutex<SlotState<T>>,
}

/// The session, if there was one, and its revision.
pub(super) type Loading<T> =
    Pin<Box<dyn Future<Output = Result<(Option<T>, Option<u64>), SessionError>> + Send>>;

enum SlotState<T> {
    /// No argument has taken it yet.
    Unread,
    /// A handler has it.
    Taken { revision: Option<u64> },
    /// The handler has given it back.
    Returned {
        revision: Option<u64>,
        change: Option<SessionChange<T>>,
    },
}

/// A handler's change of its session.
pub(super) enum SessionChange<T> {
    Set(T),
    Removed,
}

impl<T> Clone for SessionSlot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> SessionSlot<T> {
    pub(super) fn new(load: impl Fn() -> Loading<T> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Slot {
            load: Box::new(load),
            state: Mutex::new(SlotState::Unread),
        }))
    }

    fn state(&self) -> MutexGuard<'_, SlotState<T>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session for a handler; `None` if another argument has it.
    pub(super) async fn take(&self) -> Result<Option<Option<T>>, SessionError> {
        if !matches!(*self.state(), SlotState::Unread) {
            return Ok(None);
        }
        let (session, revision) = (self.0.load)().await?;
        *self.state() = SlotState::Taken { revision };
        Ok(Some(session))
    }

    /// The handler is done with it.
    pub(super) fn give_back(&self, change: Option<SessionChange<T>>) {
        let mut state = self.state();
        if let SlotState::Taken { revision } = *state {
            *state = SlotState::Returned { revision, change };
        }
    }

    /// The change to store, and the revision that it replaces. `None` if there is no change.
    pub(super) fn change(&self) -> Option<(SessionChange<T>, Option<u64>)> {
        match std::mem::replace(&mut *self.state(), SlotState::Unread) {
            SlotState::Returned {
                revision,
                change: Some(change),
            } => Some((change, revision)),
            _ => None,
        }
    }
}
