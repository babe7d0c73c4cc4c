//! The session among a handler's arguments.

use std::{
    error::Error,
    fmt,
    ops::{Deref, DerefMut},
};

use tower::BoxError;

use super::{
    super::parts::{ExtractorRejection, FromUpdateParts, UpdateParts},
    slot::{SessionChange, SessionSlot},
    store::SessionError,
};
use crate::{Reply, webhook::Failure};

/// The session of the update's chat or user, as an argument of a handler. See the [module](super).
///
/// It derefs to the `T`. A mutable reference, [`take`](Self::take) and [`remove`](Self::remove) mark it as
/// changed; the change is stored once the handler has dropped the session and has succeeded. A session that another task
/// still has when the handler has ended isn't stored any more, and a warning in the log says so.
///
/// It may be taken again once it was dropped, as by a second argument, or by the next attempt of a retry layer below
/// the `SessionLayer`. It is read from the store then, so that an earlier change that wasn't stored is dropped.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tower_telegram::{methods::SendMessage, router::session::Session, types::ChatId};
///
/// #[derive(Default, Deserialize, Serialize)]
/// struct Counter {
///     presses: u32,
/// }
///
/// async fn press(mut counter: Session<Counter>, chat: ChatId) -> SendMessage {
///     counter.presses += 1;
///     SendMessage::new(chat, format!("{} times", counter.presses))
/// }
/// ```
pub struct Session<T> {
    /// There until it is dropped.
    value: Option<T>,
    change: SessionState,
    slot: SessionSlot<T>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionState {
    Read,
    Changed,
    Removed,
}

impl<T: Default> Session<T> {
    /// Moves the value out, and leaves the default in its place: to match on it by value.
    pub fn take(&mut self) -> T {
        std::mem::take(&mut **self)
    }

    /// Ends the session: it is removed from the store, and the next update finds the default.
    pub fn remove(&mut self) {
        self.value = Some(T::default());
        self.change = SessionState::Removed;
    }
}

// `None` only while it is dropped, when there is no reference to it any more.
#[allow(clippy::expect_used)]
impl<T> Deref for Session<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("there until it is dropped")
    }
}

#[allow(clippy::expect_used)]
impl<T> DerefMut for Session<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.change = SessionState::Changed;
        self.value.as_mut().expect("there until it is dropped")
    }
}

impl<T> Drop for Session<T> {
    fn drop(&mut self) {
        let change = match self.change {
            SessionState::Read => None,
            SessionState::Changed => self.value.take().map(SessionChange::Set),
            SessionState::Removed => Some(SessionChange::Removed),
        };
        self.slot.give_back(change);
    }
}

impl<T: fmt::Debug> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&**self).finish()
    }
}

impl<T, S> FromUpdateParts<S> for Session<T>
where
    T: Default + Send + 'static,
    S: Sync,
{
    type Rejection = SessionRejection;

    async fn from_update_parts(parts: &mut UpdateParts, _: &S) -> Result<Self, SessionRejection> {
        let slot: Option<&SessionSlot<T>> = parts.head.extensions.get();
        let slot = slot.ok_or(SessionRejection::Missing)?.clone();
        let taken = slot.take().await.map_err(SessionRejection::Store)?;
        let session = taken.ok_or(SessionRejection::Twice)?;
        Ok(Self {
            value: Some(session.unwrap_or_default()),
            change: SessionState::Read,
            slot,
        })
    }
}

/// Why a handler can't take its session.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionRejection {
    /// There is no `SessionLayer` for the type around the route, or the update belongs to no chat or user. The
    /// update has failed permanently; an `Option` of the session is `None`.
    Missing,
    /// The handler takes the session twice at once. The update has failed permanently.
    Twice,
    /// The store can't read it. The update is tried again, and this doesn't count as an attempt.
    Store(SessionError),
}

impl fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => {
                "there is no `SessionLayer` of this type around the route, or the update has no chat or user"
            }
            Self::Twice => "the handler takes the session twice at once",
            Self::Store(_) => "the session can't be read",
        })
    }
}

impl Error for SessionRejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Missing | Self::Twice => None,
        }
    }
}

impl ExtractorRejection for SessionRejection {
    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    fn into_result(self) -> Result<Reply, BoxError> {
        let failure = match self {
            Self::Store(ref error) => match error.deferral_reason() {
                Some(reason) => Failure::deferral_for(reason, self),
                None => Failure::permanent(self),
            },
            Self::Missing | Self::Twice => Failure::permanent(self),
        };
        Err(failure.into())
    }
}
