//! What can go wrong with a call.

use std::{error, fmt, time::Duration};

use http::StatusCode;

type BoxError = Box<dyn error::Error + Send + Sync>;

/// A call that failed.
///
/// It names neither the address, which holds the bot's token, nor what was sent.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    status: Option<StatusCode>,
    description: Option<Box<str>>,
    retry_after: Option<Duration>,
    migrate_to_chat_id: Option<i64>,
    source: Option<BoxError>,
}

/// What sort of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Telegram refused the call, and says why.
    Api,
    /// Something that isn't the Bot API answered, such as a proxy's error page.
    Http,
    /// No answer came: the connection couldn't be made, or broke.
    Transport,
    /// The call couldn't be written.
    Encode,
    /// The result isn't what the method returns.
    Decode,
}

impl Error {
    fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            status: None,
            description: None,
            retry_after: None,
            migrate_to_chat_id: None,
            source: None,
        }))
    }

    fn caused(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        let mut error = Self::new(kind);
        error.0.source = Some(source.into());
        error
    }

    pub(super) fn encode(source: impl Into<BoxError>) -> Self {
        Self::caused(ErrorKind::Encode, source)
    }

    pub(super) fn decode(source: impl Into<BoxError>) -> Self {
        Self::caused(ErrorKind::Decode, source)
    }

    pub(super) fn transport(source: impl Into<BoxError>) -> Self {
        Self::caused(ErrorKind::Transport, source)
    }

    /// An answer that isn't the Bot API's.
    pub(super) fn http(status: StatusCode) -> Self {
        let mut error = Self::new(ErrorKind::Http);
        error.0.status = Some(status);
        error
    }

    pub(super) fn api(
        status: StatusCode,
        description: Box<str>,
        retry_after: Option<Duration>,
        migrate_to_chat_id: Option<i64>,
    ) -> Self {
        Self(Box::new(Inner {
            kind: ErrorKind::Api,
            status: Some(status),
            description: Some(description),
            retry_after,
            migrate_to_chat_id,
            source: None,
        }))
    }

    /// What sort of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Telegram's `error_code`, or the status of whatever else answered.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// Telegram's words.
    pub fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// How long Telegram wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The number of the supergroup that the group has become.
    pub fn migrate_to_chat_id(&self) -> Option<i64> {
        self.0.migrate_to_chat_id
    }

    /// 409: a webhook is set while getUpdates is called, or another call has taken over.
    pub fn is_conflict(&self) -> bool {
        self.0.status == Some(StatusCode::CONFLICT)
    }

    /// 401: the token isn't, or is no longer, a bot's.
    pub fn is_unauthorized(&self) -> bool {
        self.0.status == Some(StatusCode::UNAUTHORIZED)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            ErrorKind::Api => f.write_str("telegram refused the call")?,
            ErrorKind::Http => f.write_str("no answer of the bot api")?,
            ErrorKind::Transport => f.write_str("the call got no answer")?,
            ErrorKind::Encode => f.write_str("the call can't be written")?,
            ErrorKind::Decode => f.write_str("the result isn't what the method returns")?,
        }
        if let Some(status) = self.0.status {
            write!(f, ": {}", status.as_u16())?;
        }
        if let Some(description) = &self.0.description {
            write!(f, " {description}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("status", &self.0.status)
            .field("description", &self.0.description)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}
