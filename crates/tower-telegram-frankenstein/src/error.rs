//! The error of a call.

use std::{error, fmt, time::Duration};

use frankenstein::response::{ErrorResponse, ResponseParameters};
use tower_telegram::{
    client::{self, ErrorKind},
    webhook::Failure,
};

/// A call that failed.
///
/// It never contains the bot's token. As the error of a handler, it says by its causes whether another attempt can
/// help: a refusal that a repeat can't change ends the update at once.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Telegram refused the call.
    Api {
        /// The refusal, as frankenstein's own clients have it: code, description, `retry_after` (at least 1 second) and
        /// `migrate_to_chat_id`.
        response: ErrorResponse,
        /// The same as the client's error.
        source: client::Error,
    },
    /// There is no response of the Bot API: the call wasn't sent, the connection broke, or a proxy responded.
    Call(client::Error),
    /// The result doesn't have frankenstein's type. Telegram has carried the call out.
    Decode {
        /// The method that was called.
        method: String,
        /// The reason, as a permanent failure, because another attempt would make the call twice.
        source: Failure,
    },
}

impl Error {
    /// Telegram's refusal of the call, if it is one.
    pub fn response(&self) -> Option<&ErrorResponse> {
        match self {
            Self::Api { response, .. } => Some(response),
            _ => None,
        }
    }

    pub(crate) fn decode(method: &str, error: serde_json::Error) -> Self {
        Self::Decode {
            method: method.to_owned(),
            source: Failure::permanent(error),
        }
    }
}

/// Telegram's `retry_after` of more than 18 hours is shortened to that, because frankenstein has 16 bits for it.
impl From<client::Error> for Error {
    fn from(source: client::Error) -> Self {
        if source.kind() != ErrorKind::Api {
            return Self::Call(source);
        }
        // A part of a second is a whole one, so that the next call isn't too early.
        let whole_seconds = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let retry_after = source.retry_after().map(whole_seconds);
        let parameters = ResponseParameters {
            migrate_to_chat_id: source.migrate_to_chat_id(),
            retry_after: retry_after.map(|seconds| u16::try_from(seconds).unwrap_or(u16::MAX)),
        };
        let is_empty = parameters.migrate_to_chat_id.is_none() && parameters.retry_after.is_none();
        let response = ErrorResponse {
            ok: false,
            description: source.description().unwrap_or_default().to_owned(),
            error_code: source.status().map_or(0, |status| status.as_u16().into()),
            parameters: (!is_empty).then_some(parameters),
        };
        Self::Api { response, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api { source, .. } | Self::Call(source) => fmt::Display::fmt(source, f),
            Self::Decode { method, .. } => write!(f, "{method}: the result has another type"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Api { source, .. } | Self::Call(source) => Some(source),
            Self::Decode { source, .. } => Some(source),
        }
    }
}
