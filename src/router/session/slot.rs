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

/// A session that was read for a handler.
pub(super) struct LoadedSession<T> {
    /// `None` if there is none, or it can't be read.
    pub(super) session: Option<T>,
    pub(super) basis: SessionBasis,
}

/// The stored session that a change replaces.
#[derive(Default)]
pub(super) struct SessionBasis {
    /// `None` if there is none.
    pub(super) revision: Option<u64>,
    /// The version and the JSON with which the handler began, in two lines.
    pub(super) before: Option<Box<str>>,
}

pub(super) type Loading<T> =
    Pin<Box<dyn Future<Output = Result<LoadedSession<T>, SessionError>> + Send>>;

enum SlotState<T> {
    /// No argument has taken it yet.
    Unread,
    /// A handler has it.
    Taken { basis: SessionBasis },
    /// The handler has given it back.
    Returned {
        basis: SessionBasis,
        change: Option<SessionChange<T>>,
    },
}

/// The handler has ended, and something that outlives it still has the session, such as a task that it spawned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StillHeld;

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
    ///
    /// One that was given back is read again: an earlier change may be that of an attempt that failed.
    pub(super) async fn take(&self) -> Result<Option<Option<T>>, SessionError> {
        {
            let mut state = self.state();
            if matches!(*state, SlotState::Taken { .. }) {
                return Ok(None);
            }
            // Nothing of an earlier attempt is stored, even if the session can't be read now.
            *state = SlotState::Unread;
        }
        let LoadedSession { session, basis } = (self.0.load)().await?;
        *self.state() = SlotState::Taken { basis };
        Ok(Some(session))
    }

    /// The handler is done with it.
    pub(super) fn give_back(&self, change: Option<SessionChange<T>>) {
        let mut state = self.state();
        if let SlotState::Taken { basis } = &mut *state {
            let basis = std::mem::take(basis);
            *state = SlotState::Returned { basis, change };
        }
    }

    /// The change to store, and the stored session that it replaces. `None` if there is no change.
    pub(super) fn change(&self) -> Result<Option<(SessionChange<T>, SessionBasis)>, StillHeld> {
        match std::mem::replace(&mut *self.state(), SlotState::Unread) {
            SlotState::Returned {
                basis,
                change: Some(change),
            } => Ok(Some((change, basis))),
            SlotState::Taken { .. } => Err(StillHeld),
            SlotState::Unread | SlotState::Returned { change: None, .. } => Ok(None),
        }
    }
}
