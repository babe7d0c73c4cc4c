//! The session as an argument of a handler.

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

/// The session of the update's chat or user. See the [module](super).
///
/// What is changed through it is stored once the handler has succeeded and has dropped it.
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
    /// Ends it: what is stored is removed, and the next update finds the default.
    pub fn remove(&mut self) {
        self.value = Some(T::default());
        self.change = SessionState::Removed;
    }
}

// There until it is dropped, when nobody can ask any more.
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

/// A handler can't have its session.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionRejection {
    /// No `SessionLayer` for the type is around the route, or the update belongs to no chat or user.
    Missing,
    /// Another argument of the handler is the session.
    Twice,
    /// It can't be read. The update is tried again.
    Store(SessionError),
}

impl fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => {
                "no `SessionLayer` of this type is around the route, or the update has no chat or user"
            }
            Self::Twice => "another argument of the handler is the session",
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
            Self::Store(_) => Failure::deferral(self),
            Self::Missing | Self::Twice => Failure::permanent(self),
        };
        Err(failure.into())
    }
}
