//! Why a request was rejected.

use std::{error::Error, fmt};

use http::{HeaderValue, Response, StatusCode, header};

use super::deferral_reason::DeferralReason;
use crate::{client::ErrorChain, telemetry::names, types::ParseError};

/// Why a layer rejected a request.
///
/// The response has an empty body; the reason is in its extensions, for layers further out. Only
/// [`SecretToken`](Self::SecretToken) is not attached: refusing unauthenticated requests must not
/// allocate, and the 401 status is unambiguous.
///
/// ```
/// # use http::Response;
/// # use tower_telegram::webhook::Rejection;
/// fn log(response: &Response<()>) {
///     if let Some(why) = response.extensions().get::<Rejection>() {
///         eprintln!("rejected: {why}");
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Rejection {
    /// 401: the request has no accepted secret token. Not in the extensions of the response.
    SecretToken,
    /// 403: not from an accepted address.
    SourceAddress,
    /// 405: not a POST.
    Method,
    /// 415: not `application/json`.
    ContentType,
    /// 415: the body is compressed, and no layer further out decompressed it.
    ContentEncoding,
    /// 413: the body is over the limit.
    TooLarge {
        /// The limit in bytes. `None` if it is that of a layer further out, such as tower-http's
        /// `RequestBodyLimitLayer`.
        limit: Option<usize>,
    },
    /// 408: the body wasn't there by the deadline.
    Timeout,
    /// 400: the body broke off.
    Interrupted,
    /// 400: the body isn't an update.
    Malformed(ParseError),
    /// 500: the update can't be read as the handler's type, and
    /// [`retry_unreadable`](super::ParseLayer::retry_unreadable) is set.
    Unreadable(ParseError),
    /// 500: the handler failed or panicked. [`Failure`](super::Failure), in the extensions too, says
    /// how.
    Failed,
    /// 503: the handler takes longer than the deadline.
    DeadlineExceeded,
    /// 503: another replica handles the update.
    HandledElsewhere,
    /// 503: too many updates are running or waiting.
    Overloaded,
    /// 503: its turn didn't come in time.
    QueueTimeout,
    /// 503: the lock of the sequence failed.
    LockUnavailable,
    /// 503: the process is shutting down and accepts no new updates.
    ShuttingDown,
    /// 503: the store failed, so whether the update was handled is unknown.
    StoreUnavailable,
    /// 503: the update was deferred, by the handler or because of its session: see
    /// [`Failure::deferral`](super::Failure::deferral).
    /// [`Failure`](super::Failure), in the extensions too, says why.
    Deferred,
    /// 500: the handler's reply can't be sent.
    Reply(crate::ReplyError),
}

impl Rejection {
    /// Those that defer an update, except [`Deferred`](Self::Deferred), whose reason is that of its failure.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
    pub(crate) const DEFERRALS: [Self; 7] = [
        Self::DeadlineExceeded,
        Self::HandledElsewhere,
        Self::Overloaded,
        Self::QueueTimeout,
        Self::LockUnavailable,
        Self::ShuttingDown,
        Self::StoreUnavailable,
    ];

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::SecretToken => StatusCode::UNAUTHORIZED,
            Self::SourceAddress => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Interrupted | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::DeadlineExceeded
            | Self::HandledElsewhere
            | Self::Overloaded
            | Self::QueueTimeout
            | Self::LockUnavailable
            | Self::ShuttingDown
            | Self::StoreUnavailable
            | Self::Deferred => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreadable(_) | Self::Failed | Self::Reply(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// The reason in spans and metrics: `secret_token`, `deadline_exceeded`, …
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::SecretToken => "secret_token",
            Self::SourceAddress => "source_address",
            Self::Method => "method",
            Self::ContentType => "content_type",
            Self::ContentEncoding => "content_encoding",
            Self::TooLarge { .. } => "too_large",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::Malformed(_) => "malformed",
            Self::Unreadable(_) => "unreadable",
            Self::Failed => "failed",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::HandledElsewhere => "handled_elsewhere",
            Self::Overloaded => "overloaded",
            Self::QueueTimeout => "queue_timeout",
            Self::LockUnavailable => "lock_unavailable",
            Self::ShuttingDown => "shutting_down",
            Self::StoreUnavailable => "store_unavailable",
            Self::Deferred => DeferralReason::Handler.name(),
            Self::Reply(_) => "reply",
        }
    }

    /// Counts the rejection. The outcome of a handled update is counted where it is decided.
    fn count(&self) {
        match self {
            Self::DeadlineExceeded
            | Self::HandledElsewhere
            | Self::Overloaded
            | Self::QueueTimeout
            | Self::LockUnavailable
            | Self::ShuttingDown
            | Self::StoreUnavailable
            | Self::Deferred => names::DEFERRED.increment([self.name().into()]),
            Self::Failed | Self::Unreadable(_) | Self::Reply(_) => {}
            _ => names::REJECTED.increment([self.name().into()]),
        }
    }

    /// Whether the update itself is at fault. All others mean that the request was rejected before it was read, or
    /// that there was no room, no lock, no store or no time for it.
    pub(crate) fn is_about_the_update(&self) -> bool {
        matches!(
            self,
            Self::Malformed(_) | Self::Unreadable(_) | Self::Failed | Self::Reply(_)
        )
    }

    /// Logs the rejection, with the update's number where it is known. The failure behind it says more, if there is one.
    pub(crate) fn log(&self, update_id: Option<i64>, failure: Option<&(dyn Error + 'static)>) {
        let status = self.status().as_u16();
        let reason = failure.map_or(ErrorChain(self), ErrorChain);
        tracing::debug!(status, %reason, update_id, "request rejected");
    }

    /// The response: the status, no body, and this in the extensions, unless it is about the secret.
    pub fn into_response<B: Default>(self) -> Response<B> {
        self.count();
        self.into_uncounted_response()
    }

    /// The same response, for a rejection that is counted by the reason of its failure.
    pub(crate) fn into_uncounted_response<B: Default>(self) -> Response<B> {
        let mut response = empty_response();
        *response.status_mut() = self.status();
        if matches!(self, Self::Method) {
            let post = HeaderValue::from_static("POST");
            response.headers_mut().insert(header::ALLOW, post);
        }
        if !matches!(self, Self::SecretToken) {
            response.extensions_mut().insert(self);
        }
        response
    }
}

/// 200 with no body. Without a `Content-Length`, Telegram takes the next bytes of the connection for the body
/// (telegram-bot-api `HttpReader`). A server writes the length of a body that knows it, as an empty one does.
pub(crate) fn empty_response<B: Default>() -> Response<B> {
    Response::new(B::default())
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretToken => f.write_str("no accepted secret token"),
            Self::SourceAddress => f.write_str("not from an accepted address"),
            Self::Method => f.write_str("not a POST"),
            Self::ContentType => f.write_str("not JSON by its content type"),
            Self::ContentEncoding => f.write_str("a compressed body"),
            Self::TooLarge { limit: Some(limit) } => write!(f, "a body over {limit} bytes"),
            Self::TooLarge { limit: None } => f.write_str("a body over the limit of another layer"),
            Self::Timeout => f.write_str("the body wasn't there in time"),
            Self::DeadlineExceeded => f.write_str("the handler needs longer than the deadline"),
            Self::HandledElsewhere => f.write_str("another replica handles the update"),
            Self::Overloaded => f.write_str("there is no room for more"),
            Self::QueueTimeout => f.write_str("its turn didn't come in time"),
            Self::LockUnavailable => f.write_str("sequence lock unavailable"),
            Self::ShuttingDown => f.write_str("shutting down"),
            Self::StoreUnavailable => f.write_str("delivery store unavailable"),
            Self::Deferred => f.write_str("the update was deferred"),
            Self::Interrupted => f.write_str("the body broke off"),
            Self::Malformed(_) => f.write_str("not an update"),
            Self::Unreadable(_) => f.write_str("not readable as the handler's type"),
            Self::Failed => f.write_str("the handler failed"),
            Self::Reply(_) => f.write_str("the reply can't be sent as an answer"),
        }
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Malformed(e) | Self::Unreadable(e) => Some(e),
            Self::Reply(e) => Some(e),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b1_only_another_method_gets_an_allow_header() {
        for (why, allow) in [
            (Rejection::Method, Some("POST")),
            (Rejection::HandledElsewhere, None),
        ] {
            let response: Response<()> = why.clone().into_response();
            assert_eq!(response.status(), why.status());
            let allowed = response.headers().get(header::ALLOW);
            assert_eq!(allowed.map(HeaderValue::as_bytes), allow.map(str::as_bytes));
            assert_eq!(response.extensions().get(), Some(&why));
        }
    }

    #[test]
    fn a2_a_request_without_a_secret_gets_a_status_alone() {
        let response: Response<()> = Rejection::SecretToken.into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(response.headers().is_empty() && response.extensions().is_empty());
    }

    #[test]
    fn the_error_behind_a_reason_is_its_source() {
        let syntax = ParseError::syntax("a test", 3);
        let reply = crate::ReplyError::NotAnObject;
        for (why, source) in [
            (
                Rejection::Malformed(syntax.clone()),
                Some(syntax.to_string()),
            ),
            (
                Rejection::Unreadable(syntax.clone()),
                Some(syntax.to_string()),
            ),
            (Rejection::Reply(reply.clone()), Some(reply.to_string())),
            (Rejection::Method, None),
        ] {
            assert_eq!(why.source().map(ToString::to_string), source, "{why}");
        }
    }
}
