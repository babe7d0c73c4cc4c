//! Why an update wasn't handled.

use std::{any::Any, borrow::Cow, error, fmt, sync::Arc, time::Duration};

use super::{Rejection, deferral_reason::DeferralReason};
use crate::client::{CallVerdict, ErrorChain, causes};

/// Why an update wasn't handled. It is in the extensions of the 500 or 503 after which Telegram sends the update again,
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
    next: NextAttempt,
}

/// The facts about another attempt.
#[derive(Clone, Copy, Default)]
struct NextAttempt {
    is_permanent: bool,
    /// `None` if it isn't a deferral.
    deferral: Option<DeferralReason>,
    retry_after: Option<Duration>,
}

#[derive(Clone)]
enum FailureKind {
    Error(ErrorCause),
    Panic(Arc<str>),
    Status(http::StatusCode),
    #[cfg(feature = "tokio")]
    Vanished,
    /// No attempt could be made or ended, for this reason.
    #[cfg(feature = "tokio")]
    NotHandled(&'static str),
}

impl Failure {
    /// The handler returned an error.
    pub(crate) fn error(error: Box<dyn error::Error + Send + Sync>) -> Self {
        Self::of_error(error, NextAttempt::default())
    }

    fn of_error(error: Box<dyn error::Error + Send + Sync>, next: NextAttempt) -> Self {
        let error = error.into();
        Self {
            kind: FailureKind::Error(ErrorCause { error, next }),
            next,
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
        Self::deferral_for(DeferralReason::Handler, error)
    }

    /// A [`deferral`](Self::deferral) with this reason in spans and metrics.
    pub(crate) fn deferral_for(
        reason: DeferralReason,
        error: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        let next = NextAttempt {
            deferral: Some(reason),
            ..<_>::default()
        };
        Self::of_error(error.into(), next)
    }

    /// Whether it only defers the update: see [`deferral`](Self::deferral).
    pub fn is_deferral(&self) -> bool {
        self.next.deferral.is_some()
    }

    pub(crate) fn deferral_reason(&self) -> Option<DeferralReason> {
        self.next.deferral
    }

    /// An error that a repeat can't change: with a `DeliveryLayer`, polling or a queue the update is
    /// abandoned after this attempt.
    pub fn permanent(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        let next = NextAttempt {
            is_permanent: true,
            ..<_>::default()
        };
        Self::of_error(error.into(), next)
    }

    /// The same failure, with a pause before the next attempt, as after a response with `Retry-After`.
    ///
    /// The pause is a wish, because the caller of the webhook, a runner or a queue makes the next attempt: it is rounded
    /// down to whole seconds, and is neither shorter than the pause that the number of the attempt gives nor so long
    /// that the update would be dropped meanwhile. Default: the `retry_after` of the refusal of the Bot API that is the
    /// error's cause, if there is one. A permanent failure has no next attempt.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use tower_telegram::webhook::Failure;
    ///
    /// let failure = Failure::deferral("the shop opens in a minute").with_retry_after(Duration::from_secs(60));
    /// assert_eq!(failure.retry_after(), Some(Duration::from_secs(60)));
    /// ```
    #[must_use]
    pub fn with_retry_after(mut self, pause: Duration) -> Self {
        self.next.retry_after = Some(pause);
        if let FailureKind::Error(cause) = &mut self.kind {
            cause.next = self.next;
        }
        self
    }

    /// The pause before the next attempt, if [`with_retry_after`](Self::with_retry_after) has set one.
    pub fn retry_after(&self) -> Option<Duration> {
        self.next.retry_after
    }

    fn new(kind: FailureKind) -> Self {
        Self {
            kind,
            next: NextAttempt::default(),
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

    /// No attempt could be made or ended, for this reason.
    #[cfg(feature = "tokio")]
    pub(crate) fn not_handled(reason: &'static str) -> Self {
        Self::new(FailureKind::NotHandled(reason))
    }

    /// The kind of failure, for spans: the reason of a deferral, that of an [error](error_type), `panic`, `vanished`,
    /// `not_handled`, or the status, such as `502`.
    pub(crate) fn error_type(&self) -> Cow<'static, str> {
        if let Some(reason) = self.next.deferral {
            return reason.name().into();
        }
        match self.kind {
            FailureKind::Error(ref cause) => error_type(&*cause.error).into(),
            FailureKind::Panic(_) => "panic".into(),
            FailureKind::Status(status) => status.as_str().to_owned().into(),
            #[cfg(feature = "tokio")]
            FailureKind::Vanished => "vanished".into(),
            #[cfg(feature = "tokio")]
            FailureKind::NotHandled(_) => "not_handled".into(),
        }
    }

    /// Whether a repeat can't change it: see [`permanent`](Self::permanent).
    pub fn is_permanent(&self) -> bool {
        self.next.is_permanent
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

/// The kind of a handler's error, for spans. If a call is its cause, that is the kind of the call's error, such as `api`. For
/// an update that can't be read or a reply that can't be sent it is the reason of the [`Rejection`]. The types of other
/// errors can't be named behind `dyn Error`: OpenTelemetry's conventions have `_OTHER` for these.
pub(crate) fn error_type(error: &(dyn error::Error + 'static)) -> &'static str {
    let known = causes(error).find_map(|cause| {
        #[cfg(feature = "tokio")]
        if cause.is::<HandlerTimedOut>() {
            return Some("handler_timeout");
        }
        if let Some(rejection) = cause.downcast_ref::<Rejection>() {
            return Some(rejection.name());
        }
        Some(CallVerdict::of(cause)?.kind.name())
    });
    known.unwrap_or("_OTHER")
}

/// The handler ran for longer than its time limit.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub(crate) struct HandlerTimedOut(pub(crate) Duration);

#[cfg(feature = "tokio")]
impl fmt::Display for HandlerTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler ran for longer than {:?}", self.0)
    }
}

#[cfg(feature = "tokio")]
impl error::Error for HandlerTimedOut {}

/// A handler's error, and the facts about another attempt. Crates such as anyhow hide the type of the outermost error,
/// and this is how a [`Failure`] inside is recognised.
#[derive(Clone)]
pub(crate) struct ErrorCause {
    error: Arc<dyn error::Error + Send + Sync>,
    next: NextAttempt,
}

impl ErrorCause {
    pub(crate) fn is_permanent(&self) -> bool {
        self.next.is_permanent
    }

    pub(crate) fn deferral_reason(&self) -> Option<DeferralReason> {
        self.next.deferral
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.next.retry_after
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
            FailureKind::Error(cause) if self.is_deferral() => {
                let who = match self.deferral_reason() {
                    Some(DeferralReason::Handler) => "the handler deferred the update",
                    _ => "the update was deferred",
                };
                write!(f, "{who}: {}", ErrorChain(cause))
            }
            FailureKind::Error(cause) => write!(f, "the handler failed: {}", ErrorChain(cause)),
            FailureKind::Panic(text) => write!(f, "the handler panicked: {text}"),
            FailureKind::Status(status) => write!(f, "the response was {}", status.as_u16()),
            #[cfg(feature = "tokio")]
            FailureKind::Vanished => {
                f.write_str("the previous attempt did not finish (process lost)")
            }
            #[cfg(feature = "tokio")]
            FailureKind::NotHandled(reason) => f.write_str(reason),
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
