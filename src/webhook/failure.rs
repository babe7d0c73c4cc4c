//! Why an update wasn't handled.

use std::{any::Any, error, fmt, sync::Arc};

use crate::client::ErrorChain;

/// Why an update wasn't handled. It is in the extensions of the 500 after which Telegram sends the update again,
/// and in a `DeadLetter`.
///
/// A handler can return a permanent one as its error, where another attempt can't help:
///
/// ```
/// use tower_telegram::{handler_fn, types::Update, webhook::Failure};
///
/// let handler = handler_fn(async |update: Update| match update.new_message() {
///     Some(_) => Ok(()),
///     None => Err(Failure::permanent("this bot only takes messages")),
/// });
/// # let _ = handler;
/// ```
#[derive(Clone)]
pub struct Failure {
    kind: FailureKind,
    is_permanent: bool,
    is_deferral: bool,
}

#[derive(Clone)]
enum FailureKind {
    Error(ErrorCause),
    Panic(Arc<str>),
    Status(http::StatusCode),
    #[cfg(feature = "tokio")]
    Vanished,
}

impl Failure {
    /// The handler returned an error.
    pub(crate) fn error(error: Box<dyn error::Error + Send + Sync>) -> Self {
        Self::of_error(error, false)
    }

    fn of_error(error: Box<dyn error::Error + Send + Sync>, is_permanent: bool) -> Self {
        Self {
            kind: FailureKind::Error(ErrorCause {
                error: error.into(),
                is_permanent,
            }),
            is_permanent,
            is_deferral: false,
        }
    }

    /// The update couldn't be taken now, because something that handling needs was missing: a store, a lock, a worker.
    /// It says nothing about the update, so the attempt isn't counted, and the response is 503.
    ///
    /// ```
    /// use tower_telegram::{handler_fn, types::Update, webhook::Failure};
    ///
    /// # fn worker() -> Option<()> { None }
    /// let handler = handler_fn(async |_: Update| match worker() {
    ///     Some(_) => Ok(()),
    ///     None => Err(Failure::deferral("no worker is free")),
    /// });
    /// # let _ = handler;
    /// ```
    pub fn deferral(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self {
            is_deferral: true,
            ..Self::error(error.into())
        }
    }

    /// Whether it only defers the update: see [`deferral`](Self::deferral).
    pub fn is_deferral(&self) -> bool {
        self.is_deferral
    }

    /// An error that a repeat can't change: with a `DeliveryLayer`, polling or a queue the update is
    /// abandoned after this attempt.
    pub fn permanent(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::of_error(error.into(), true)
    }

    fn new(kind: FailureKind) -> Self {
        Self {
            kind,
            is_permanent: false,
            is_deferral: false,
        }
    }

    /// The handler panicked.
    pub(crate) fn panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::new(FailureKind::Panic(text.unwrap_or("not a text").into()))
    }

    /// A service responded with a status that isn't a 2xx.
    pub(crate) fn status(status: http::StatusCode) -> Self {
        Self::new(FailureKind::Status(status))
    }

    /// The previous attempt did not finish: its process ended, or hung.
    #[cfg(feature = "tokio")]
    pub(crate) fn vanished() -> Self {
        Self::new(FailureKind::Vanished)
    }

    /// The kind of failure, for spans: `error`, `panic`, `status`, `vanished`.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.kind {
            FailureKind::Error(_) => "error",
            FailureKind::Panic(_) => "panic",
            FailureKind::Status(_) => "status",
            #[cfg(feature = "tokio")]
            FailureKind::Vanished => "vanished",
        }
    }

    /// Whether a repeat can't change it: see [`permanent`](Self::permanent).
    pub fn is_permanent(&self) -> bool {
        self.is_permanent
    }

    /// Whether it was a panic.
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, FailureKind::Panic(_))
    }

    /// The handler's error, if it returned one.
    pub fn as_error(&self) -> Option<&(dyn error::Error + Send + Sync + 'static)> {
        if let FailureKind::Error(cause) = &self.kind {
            return Some(&*cause.error);
        }
        None
    }
}

/// A handler's error, and whether it is permanent. Crates such as anyhow hide the type of the outermost error, and
/// this is how a [`Failure`] inside is recognised.
#[derive(Clone)]
pub(crate) struct ErrorCause {
    error: Arc<dyn error::Error + Send + Sync>,
    is_permanent: bool,
}

impl ErrorCause {
    pub(crate) fn is_permanent(&self) -> bool {
        self.is_permanent
    }
}

impl fmt::Display for ErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl fmt::Debug for ErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl error::Error for ErrorCause {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.error)
    }
}

/// One line, with the handler's error and its causes.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FailureKind::Error(cause) => write!(f, "the handler failed: {}", ErrorChain(cause)),
            FailureKind::Panic(text) => write!(f, "the handler panicked: {text}"),
            FailureKind::Status(status) => write!(f, "the response was {}", status.as_u16()),
            #[cfg(feature = "tokio")]
            FailureKind::Vanished => {
                f.write_str("the previous attempt did not finish (process lost)")
            }
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let FailureKind::Error(cause) = &self.kind {
            return f.debug_tuple("Failure").field(cause).finish();
        }
        write!(f, "Failure({self})")
    }
}

impl error::Error for Failure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        if let FailureKind::Error(cause) = &self.kind {
            return Some(cause);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn an_error_is_kept_and_a_panic_says_its_text() {
        let error = Failure::error("broken".into());
        assert!(!error.is_panic());
        assert_eq!(error.to_string(), "the handler failed: broken");
        assert_eq!(error.as_error().unwrap().to_string(), "broken");
        assert_eq!(error.source().unwrap().to_string(), "broken");
        let texts: [(&(dyn Any + Send), _); 3] = [
            (&"words", "the handler panicked: words"),
            (&String::from("words"), "the handler panicked: words"),
            (&7, "the handler panicked: not a text"),
        ];
        for (panic, shown) in texts {
            let panic = Failure::panic(panic);
            assert!(panic.is_panic());
            assert_eq!(panic.to_string(), shown);
            assert!(panic.as_error().is_none() && panic.source().is_none());
        }
    }
}
