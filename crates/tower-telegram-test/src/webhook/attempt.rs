//! The [`Attempt`]: one webhook request to the bot with its response, and the reason if it failed.

use std::{fmt, io, time::Duration};

use bytes::Bytes;

use super::tls::TlsError;
use crate::http1::{self, Headers};

/// One request to the bot, and its response.
///
/// All fields are as Telegram sees them, so `error` is `None` exactly if Telegram counts the update as
/// delivered.
///
/// ```no_run
/// # use tower_telegram_test::{AttemptError, Telegram, update};
/// # async fn example(telegram: Telegram) -> Result<(), tower_telegram_test::Error> {
/// let exchange = telegram.deliver_once(update::text(7, "hello")).await?;
/// let attempt = exchange.last().expect("one was made");
/// assert_eq!(attempt.status, Some(503));
/// assert!(matches!(attempt.error, Some(AttemptError::Status { code: 503, .. })));
/// assert_eq!(attempt.header("retry-after"), Some("1"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The response's status, if one could be read.
    pub status: Option<u16>,
    /// The reason phrase after the status.
    pub reason: String,
    /// The response's headers as the bot wrote them, in the same order.
    pub headers: Vec<(String, Bytes)>,
    /// The response's body without its chunks and decompressed. Empty if the response has neither
    /// `Content-Length` nor chunks: Telegram doesn't read such a body either.
    pub body: Bytes,
    /// Why Telegram counts it as failed. `None` means delivered.
    pub error: Option<AttemptError>,
    /// The time from the request for a connection to the end of the response.
    pub elapsed: Duration,
    /// The `Retry-After` of a failure as Telegram reads it: whole seconds, at most 3600.
    pub retry_after: Option<Duration>,
    /// The pause before the next attempt. Zero if there is none.
    pub wait: Duration,
    /// The number of the connection, counted from 1. `None` if none could be opened.
    pub connection: Option<u64>,
}

impl Attempt {
    /// An attempt without a response.
    pub(crate) fn failed(error: AttemptError, connection: Option<u64>, elapsed: Duration) -> Self {
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
    /// The bot closed the connection before it had responded. `getWebhookInfo` does not mention it.
    Closed,
    /// The end of the response didn't come in time.
    TimedOut,
    /// The response isn't one that Telegram can read. It writes that status back, and closes.
    Unreadable {
        /// The status that was written back.
        code: u16,
        /// The fault in the response.
        reason: String,
    },
    /// The status isn't one of 200 to 299.
    Status {
        /// The response's status.
        code: u16,
        /// The reason phrase after it.
        reason: String,
    },
    /// The TLS handshake with the bot failed.
    Tls(TlsError),
}

impl AttemptError {
    /// The error of a connection that was open: closed, broken, or a failure of TLS.
    pub(crate) fn broken(error: &io::Error) -> Self {
        match TlsError::of(error) {
            Some(error) => Self::Tls(error),
            // The peer closed the connection without TLS' own end of data.
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
