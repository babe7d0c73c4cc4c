//! What came of sending an update to the bot.

use std::{fmt, io, time::Duration};

use bytes::Bytes;

use super::{
    Call, Error, TlsError,
    http1::{self, Headers},
};

/// An update's way to the bot: every attempt, and how it ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The update's id.
    pub update_id: u64,
    /// Every attempt to deliver it, in their order.
    pub attempts: Vec<Attempt>,
    /// The method that the bot put into its response, as it was carried out. `None` if there was none,
    /// or one that Telegram refuses there: `get…`, `setWebhook`, `deleteWebhook`, `close`, `logOut`.
    pub reply: Option<Call>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How the delivery of an update ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The bot answered with a 2xx.
    Delivered,
    /// All attempts failed; Telegram would go on.
    GaveUp,
    /// The update's life would have ended before the next attempt, so Telegram dropped it; or it was dropped
    /// with all others, by `drop_pending_updates`.
    Dropped,
    /// The webhook was deleted in between. The update waits for the next one, or for `getUpdates`.
    Stopped,
    /// Nothing could be sent.
    NotSent(Error),
}

impl Exchange {
    /// Whether the bot took the update.
    pub fn is_delivered(&self) -> bool {
        matches!(self.outcome, Outcome::Delivered)
    }

    /// The last attempt.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The status of the last attempt, if it was answered.
    pub fn status(&self) -> Option<u16> {
        self.last()?.status
    }
}

/// In one line: the update, each attempt's status or error, and how it ended.
impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "update {} ->", self.update_id)?;
        for attempt in &self.attempts {
            match (&attempt.error, attempt.status) {
                (Some(error), _) => write!(f, " {error};")?,
                (None, Some(status)) => write!(f, " {status};")?,
                (None, None) => {}
            }
        }
        match &self.outcome {
            Outcome::Delivered => f.write_str(" delivered"),
            Outcome::GaveUp => f.write_str(" given up"),
            Outcome::Dropped => f.write_str(" dropped"),
            Outcome::Stopped => f.write_str(" the webhook was deleted"),
            Outcome::NotSent(error) => write!(f, " not sent: {error}"),
        }
    }
}

/// One request to the bot, and what came back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The response's status, if one could be read.
    pub status: Option<u16>,
    /// The words after the status.
    pub reason: String,
    /// The response's headers, as they were written and in their order.
    pub headers: Vec<(String, Bytes)>,
    /// The response's body, out of its chunks and decompressed. Empty without `Content-Length` and
    /// chunks: Telegram doesn't read it either.
    pub body: Bytes,
    /// Why Telegram counts it as failed. `None` means delivered.
    pub error: Option<AttemptError>,
    /// From the moment a connection was asked for to the end of the response.
    pub elapsed: Duration,
    /// The `Retry-After` of a failure as Telegram reads it: whole seconds, at most 3600 of them.
    pub retry_after: Option<Duration>,
    /// How long Telegram waits after it before the next one. Zero if there is none.
    pub wait: Duration,
    /// Which connection it went over; they are numbered from 1. `None` if none could be opened.
    pub connection: Option<u64>,
}

impl Attempt {
    pub(super) fn failed(error: AttemptError, connection: Option<u64>, elapsed: Duration) -> Self {
        Self {
            status: None,
            reason: String::new(),
            headers: Headers::new(),
            body: Bytes::new(),
            error: Some(error),
            elapsed,
            retry_after: None,
            wait: Duration::ZERO,
            connection,
        }
    }

    /// The first header of that name, in any case, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        http1::header(&self.headers, name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All headers of that name, in any case, that are text.
    pub fn headers_named<'a, 'n: 'a>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> {
        let named = self
            .headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }
}

/// Why an [`Attempt`] failed. Its text is what `getWebhookInfo` gives as `last_error_message`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptError {
    /// No connection could be opened.
    Connect(io::ErrorKind),
    /// The connection broke.
    Broken(io::ErrorKind),
    /// The bot closed the connection before it had answered. Telegram tells nobody.
    Closed,
    /// The end of the response didn't come in time.
    TimedOut,
    /// The response isn't one that Telegram can read. It writes that status back, and closes.
    Unreadable {
        /// The status that was written back.
        code: u16,
        /// What is wrong with the response.
        reason: String,
    },
    /// The status isn't one of 200 to 299.
    Status {
        /// The response's status.
        code: u16,
        /// The words after it.
        reason: String,
    },
    /// There is no TLS with the bot, or it went wrong.
    Tls(TlsError),
}

impl AttemptError {
    /// What it means that an open connection fails so.
    pub(super) fn broken(error: &io::Error) -> Self {
        match TlsError::of(error) {
            Some(error) => Self::Tls(error),
            // TLS without an end of its own.
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            None => Self::Broken(error.kind()),
        }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(kind) | Self::Broken(kind) => match kind {
                io::ErrorKind::ConnectionRefused => f.write_str("Connection refused"),
                io::ErrorKind::ConnectionReset => f.write_str("Connection reset by peer"),
                io::ErrorKind::TimedOut => f.write_str("Connection timed out"),
                io::ErrorKind::BrokenPipe => f.write_str("Broken pipe"),
                kind => kind.fmt(f),
            },
            Self::Closed => f.write_str("Webhook connection closed"),
            Self::TimedOut => f.write_str("Read timeout expired"),
            Self::Unreadable { reason, .. } => f.write_str(reason),
            Self::Status { code, reason } => {
                write!(f, "Wrong response from the webhook: {code} {reason}")
            }
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AttemptError {}
