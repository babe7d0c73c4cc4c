//! Stores of sessions: the `SessionStore` trait and its error.

use std::{error, fmt, future::Future, time::Duration};

use bytes::Bytes;
use tower::BoxError;

use crate::webhook::deferral_reason::DeferralReason;

/// A session in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredSession {
    /// The session's version and JSON, the update that stored it, and the version and JSON before that update.
    pub value: Bytes,
    /// A number that each change replaces by one that the session never had before.
    pub revision: u64,
}

impl StoredSession {
    /// A session, for stores to return.
    pub fn new(value: Bytes, revision: u64) -> Self {
        Self { value, revision }
    }
}

/// A store of sessions. [`MemorySessions`](super::MemorySessions) is one for a single process, and
/// `redis::RedisSessions` one for replicas. Implement it for a database of your own.
///
/// # Errors
///
/// A method fails when the store is down, or may have failed. The update is tried again then, and the error is logged with
/// its causes.
pub trait SessionStore: Clone + Send + Sync + 'static {
    /// Reads a session; `None` if there is none.
    fn load(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<StoredSession>, SessionError>> + Send;

    /// Writes a session, or removes it where `value` is `None`, but only if its revision is still `revision`:
    /// `None` means that there is no session. Compare and write in one step. The session expires after
    /// `expires_after`. Returns `false`, and writes nothing, if the session has another revision by now.
    fn save(
        &self,
        key: &str,
        revision: Option<u64>,
        value: Option<Bytes>,
        expires_after: Duration,
    ) -> impl Future<Output = Result<bool, SessionError>> + Send;
}

/// Why a session can't be read or written.
#[derive(Debug)]
pub struct SessionError {
    kind: SessionErrorKind,
}

#[derive(Debug)]
enum SessionErrorKind {
    Store(BoxError),
    Encode(serde_json::Error),
    Conflict,
}

impl SessionError {
    /// The store failed.
    pub fn store(reason: impl Into<BoxError>) -> Self {
        Self {
            kind: SessionErrorKind::Store(reason.into()),
        }
    }

    pub(super) fn encode(error: serde_json::Error) -> Self {
        Self {
            kind: SessionErrorKind::Encode(error),
        }
    }

    pub(super) fn conflict() -> Self {
        Self {
            kind: SessionErrorKind::Conflict,
        }
    }

    /// Why the update is deferred; `None` where another attempt can't help.
    pub(super) fn deferral_reason(&self) -> Option<DeferralReason> {
        match self.kind {
            SessionErrorKind::Store(_) => Some(DeferralReason::SessionStore),
            SessionErrorKind::Conflict => Some(DeferralReason::SessionConflict),
            SessionErrorKind::Encode(_) => None,
        }
    }

    /// Whether another update has changed the session while this one was handled.
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind, SessionErrorKind::Conflict)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SessionErrorKind::Store(_) => "the store of sessions failed",
            SessionErrorKind::Encode(_) => "the session can't be written",
            SessionErrorKind::Conflict => "another update changed the session meanwhile",
        })
    }
}

impl error::Error for SessionError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.kind {
            SessionErrorKind::Store(error) => Some(&**error),
            SessionErrorKind::Encode(error) => Some(error),
            SessionErrorKind::Conflict => None,
        }
    }
}
