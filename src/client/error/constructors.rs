//! The constructors of errors, each with the facts that it takes from the call.

use std::{borrow::Cow, time::Duration};

use http::StatusCode;
use tower::BoxError;

use super::{Error, ErrorKind, ErrorParts};
use crate::body::multipart::OpenError;

/// The bounds of a wait that a server asks for. Zero would make a caller loop without a pause. Telegram's longest
/// waits are those of settings that can be changed once a day.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

impl Error {
    fn new(kind: ErrorKind) -> Self {
        Self(Box::new(ErrorParts {
            kind,
            method: None,
            status: None,
            description: None,
            retry_after: None,
            migrate_to_chat_id: None,
            may_have_arrived: false,
            is_foreign: false,
            source: None,
        }))
    }

    fn with_source(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        let mut error = Self::new(kind);
        error.0.source = Some(source.into());
        error
    }

    pub(crate) fn invalid(source: impl Into<BoxError>) -> Self {
        Self::with_source(ErrorKind::Invalid, source)
    }

    pub(crate) fn encode(source: impl Into<BoxError>) -> Self {
        Self::with_source(ErrorKind::Encode, source)
    }

    /// Telegram carried the call out, so that repeating it would do it twice.
    pub(crate) fn decode(source: impl Into<BoxError>) -> Self {
        Self::with_source(ErrorKind::Decode, source).with_may_have_arrived(true)
    }

    pub(crate) fn from_opening(error: OpenError) -> Self {
        match error {
            OpenError::Upload(error) => Self::upload(error),
            OpenError::Encode(error) => Self::encode(error),
        }
    }

    /// A downloaded file can't be written to its destination.
    #[cfg(feature = "tokio")]
    pub(crate) fn write(source: std::io::Error) -> Self {
        Self::with_source(ErrorKind::Write, source)
    }

    pub(crate) fn upload(source: impl Into<BoxError>) -> Self {
        Self::with_source(ErrorKind::Upload, source)
    }

    /// `sent` says whether all of the request was handed to the connection.
    pub(crate) fn transport(source: impl Into<BoxError>, sent: bool) -> Self {
        let source = source.into();
        let kind = if is_timeout(&source) {
            ErrorKind::Timeout
        } else {
            ErrorKind::Transport
        };
        Self::with_source(kind, source).with_may_have_arrived(sent)
    }

    /// `sent` says whether all of the request was handed to the connection.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) fn timeout(sent: bool) -> Self {
        Self::new(ErrorKind::Timeout).with_may_have_arrived(sent)
    }

    /// Nothing was sent.
    #[cfg(feature = "tokio")]
    pub(crate) fn deadline_exceeded() -> Self {
        Self::new(ErrorKind::DeadlineExceeded)
    }

    /// A response that isn't the Bot API's, such as a proxy's. With a 5xx the proxy may have passed the call on
    /// before; with a 4xx it hasn't.
    pub(crate) fn http(status: StatusCode) -> Self {
        Self::new(ErrorKind::Http).with_status(status)
    }

    /// A whole response of another program than the Bot API's server. One that refuses a call hasn't passed any
    /// part of it on.
    pub(crate) fn foreign(status: StatusCode) -> Self {
        let mut error = Self::http(status);
        error.0.is_foreign = true;
        error
    }

    /// Whether it is known that another program than the Bot API's server responded.
    pub(crate) fn is_foreign(&self) -> bool {
        self.0.is_foreign
    }

    /// Only the head of the response came. Its status says whether it is a refusal.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        let is_refusal = status.is_client_error() || status.is_redirection();
        let refused = is_refusal && !may_be_passed_on(status);
        self.0.status = Some(status);
        self.with_may_have_arrived(!refused)
    }

    pub(crate) fn api(
        status: StatusCode,
        description: Box<str>,
        retry_after: Option<Duration>,
        migrate_to_chat_id: Option<i64>,
    ) -> Self {
        // A server that is closing hasn't begun. Any other 5xx may be its gateway's, which responds in the same
        // form.
        let begun = may_be_passed_on(status) && !description.ends_with(": restart");
        let mut error = Self::new(ErrorKind::Api).with_may_have_arrived(begun);
        error.0.status = Some(status);
        error.0.description = Some(description);
        error.0.migrate_to_chat_id = migrate_to_chat_id;
        error.with_retry_after(retry_after)
    }

    /// Some of several messages may have been sent before the rest was refused.
    pub(crate) fn partly_carried_out(self) -> Self {
        self.with_may_have_arrived(true)
    }

    /// A file on this machine's disk can't be opened or read.
    pub(crate) fn local_file(source: impl Into<BoxError>) -> Self {
        Self::with_source(ErrorKind::LocalFile, source)
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait.map(|wait| wait.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER));
        self
    }

    /// The same with this wait, if it has none.
    pub(crate) fn or_retry_after(self, wait: Option<Duration>) -> Self {
        if self.0.retry_after.is_some() {
            return self;
        }
        self.with_retry_after(wait)
    }

    fn with_may_have_arrived(mut self, may_have_arrived: bool) -> Self {
        self.0.may_have_arrived = may_have_arrived;
        self
    }

    pub(crate) fn with_method(mut self, method: Cow<'static, str>) -> Self {
        self.0.method = Some(method);
        self
    }

    /// The error of a layer. Tower's timeout has the kind `Timeout`.
    fn from_layer(error: BoxError) -> Self {
        if is_timeout(&error) {
            return Self::with_source(ErrorKind::Timeout, error).with_may_have_arrived(true);
        }
        let shed = error.is::<tower::load_shed::error::Overloaded>();
        Self::with_source(ErrorKind::Layer, error).with_may_have_arrived(!shed)
    }
}

/// Whether a gateway that responds with this status may have passed the call on before: the server had trouble, or took
/// too long.
fn may_be_passed_on(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT
}

/// Whether it is the error of tower's timeout layer.
#[cfg(feature = "tokio")]
fn is_timeout(error: &BoxError) -> bool {
    error.is::<tower::timeout::error::Elapsed>()
}

#[cfg(not(feature = "tokio"))]
fn is_timeout(_: &BoxError) -> bool {
    false
}

impl From<BoxError> for Error {
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(other) => Self::from_layer(other),
        }
    }
}
