//! One attempt to send a request to the bot, and why it failed.

use std::{fmt, io, time::Duration};

use bytes::Bytes;

use super::{
    http1::{self, Headers},
    tls::TlsError,
};

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
    /// The bot closed the connection before it had answered. `getWebhookInfo` does not mention it.
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
