//! The error of a call.

mod constructors;
mod display;
mod kind;

use std::{borrow::Cow, error, time::Duration};

use http::StatusCode;
use tower::BoxError;

pub use self::kind::ErrorKind;

/// A call that failed.
///
/// It names the method. It contains neither the URL, which has the bot's token in it, nor the parameters. Displayed,
/// it is one line with the method, the status or the cause: log it with `{error}`.
///
/// The error of a layer around the client, such as tower's timeout, becomes one by
/// `From<Box<dyn Error + Send + Sync>>`.
///
/// ```
/// use tower_telegram::{
///     Client,
///     client::{ErrorKind, Reason},
///     methods::SendMessage,
/// };
///
/// /// Whether the user is still to be written to.
/// async fn notify(client: &Client, user: i64) -> bool {
///     let Err(error) = client.send(SendMessage::new(user, "News!")).await else {
///         return true;
///     };
///     match error.kind() {
///         ErrorKind::Api if error.reason() == Some(Reason::BlockedByUser) => false,
///         _ => {
///             eprintln!("{error}");
///             true
///         }
///     }
/// }
/// # let _ = notify;
/// ```
pub struct Error(Box<ErrorParts>);

struct ErrorParts {
    kind: ErrorKind,
    method: Option<Cow<'static, str>>,
    status: Option<StatusCode>,
    description: Option<Box<str>>,
    retry_after: Option<Duration>,
    migrate_to_chat_id: Option<i64>,
    may_have_arrived: bool,
    /// Whether another program than the Bot API's server responded.
    is_foreign: bool,
    source: Option<BoxError>,
}

impl Error {
    /// The category of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The method that was called, such as `sendMessage`; `download` for a file. `None` if it is unknown.
    pub fn method(&self) -> Option<&str> {
        self.0.method.as_deref()
    }

    /// Telegram's `error_code`, or the HTTP status where the response has none. `None` without a response.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// Telegram's description of why it refused the call, without control characters and without the bot's token.
    /// Empty if a refusal has none; `None` for every kind other than [`Api`](ErrorKind::Api).
    pub fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// How long to wait before the next call, if the server says so: in the parameters of its response, or else in
    /// the header `Retry-After`, or else in the description ("retry after 7"). Of several, the first that isn't 0.
    ///
    /// At least one second and at most a day, whatever the server says, so that a caller that waits for as long
    /// neither loops without a pause nor waits forever.
    ///
    /// See [`ResponseParameters`](https://core.telegram.org/bots/api#responseparameters).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The id of the supergroup that the group has become. [`MigrateChatLayer`](super::MigrateChatLayer) repeats
    /// the call with it.
    ///
    /// See [`ResponseParameters`](https://core.telegram.org/bots/api#responseparameters).
    pub fn migrate_to_chat_id(&self) -> Option<i64> {
        self.0.migrate_to_chat_id
    }

    /// Whether the same call might succeed later: it was over a limit (429), the server or a proxy had trouble (5xx) or
    /// asks for the call once more (408, 425), the connection failed, the response or the deadline came too late, or a
    /// layer rejected the call.
    ///
    /// Repeating it may still do it twice: see [`may_have_arrived`](Self::may_have_arrived).
    /// [`RetryLayer`](super::RetryLayer) looks at both.
    ///
    /// ```
    /// use http::{Request, Response, StatusCode};
    /// use tower_telegram::{
    ///     BotToken, Client,
    ///     client::{ApiBody, BotApi},
    ///     methods::GetMe,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let busy = tower::service_fn(async |_: Request<ApiBody>| {
    ///     let body = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#;
    ///     Response::builder().status(429).body(body.to_owned())
    /// });
    /// let client = Client::from_service(BotApi::telegram(busy, &BotToken::new("1:secret")?));
    ///
    /// let error = client.send(GetMe::new()).await.unwrap_err();
    /// assert!(error.is_retryable() && error.is_rate_limited());
    /// assert!(!error.may_have_arrived());
    /// assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
    /// assert_eq!(error.retry_after().map(|wait| wait.as_secs()), Some(7));
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Transport
            | ErrorKind::Timeout
            | ErrorKind::DeadlineExceeded
            | ErrorKind::Layer => true,
            ErrorKind::Api | ErrorKind::Http => self.0.status.is_some_and(|status| {
                status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || is_early_or_late(status)
                    // Half a response, or none, under a status that promised one.
                    || (status.is_success() && self.0.kind == ErrorKind::Http)
            }),
            _ => false,
        }
    }

    /// Whether Telegram may have carried the call out although it failed.
    ///
    /// It can't have if it refused the call, or if the connection hadn't taken the whole request. `sendMediaGroup`,
    /// `copyMessages` and `forwardMessages` are exceptions: Telegram may have sent some of their messages before it
    /// refused the rest, so this is true for their refusals. It is false where a proxy refused the call.
    ///
    /// ```
    /// # use tower_telegram::client::Error;
    /// fn advice(error: &Error) -> &'static str {
    ///     if error.may_have_arrived() {
    ///         "look whether it was sent before you send it again"
    ///     } else if error.is_retryable() {
    ///         "send it again"
    ///     } else {
    ///         "correct it"
    ///     }
    /// }
    /// # let _ = advice;
    /// ```
    pub fn may_have_arrived(&self) -> bool {
        self.0.may_have_arrived
    }

    /// There was no response in time, or the call's deadline had passed: the kind is
    /// [`Timeout`](ErrorKind::Timeout) or [`DeadlineExceeded`](ErrorKind::DeadlineExceeded).
    ///
    /// ```
    /// # use tower_telegram::client::Error;
    /// # fn show(error: &Error) {
    /// if error.is_timeout() && error.may_have_arrived() {
    ///     println!("the call was sent, and Telegram didn't respond in time");
    /// }
    /// # }
    /// # let _ = show;
    /// ```
    pub fn is_timeout(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Timeout | ErrorKind::DeadlineExceeded
        )
    }

    /// Status 429: too many calls. [`retry_after`](Self::retry_after) has the wait.
    ///
    /// ```no_run
    /// # use tower_telegram::{Client, client::Error, methods::SendMessage};
    /// # async fn run(client: Client) -> Result<(), Error> {
    /// while let Err(error) = client.send(SendMessage::new(42, "hi")).await {
    ///     if !error.is_rate_limited() {
    ///         return Err(error);
    ///     }
    ///     tokio::time::sleep(error.retry_after().unwrap_or_default()).await;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_rate_limited(&self) -> bool {
        self.0.status == Some(StatusCode::TOO_MANY_REQUESTS)
    }

    /// Status 409: getUpdates was called while a webhook is set, or another getUpdates or setWebhook has ended this
    /// one. [`reason`](Self::reason) distinguishes them.
    ///
    /// ```
    /// # use tower_telegram::client::{Error, Reason};
    /// # fn show(error: &Error) {
    /// if error.is_conflict() && error.reason() == Some(Reason::OtherGetUpdates) {
    ///     println!("the bot is running twice");
    /// }
    /// # }
    /// # let _ = show;
    /// ```
    pub fn is_conflict(&self) -> bool {
        self.0.status == Some(StatusCode::CONFLICT)
    }

    /// Status 401: the token isn't a bot's, or was revoked.
    ///
    /// ```no_run
    /// # use tower_telegram::{Client, client::Error, methods::GetMe};
    /// # async fn run(client: Client) {
    /// if client.send(GetMe::new()).await.is_err_and(|error| error.is_unauthorized()) {
    ///     println!("check TELEGRAM_BOT_TOKEN");
    /// }
    /// # }
    /// ```
    pub fn is_unauthorized(&self) -> bool {
        self.0.status == Some(StatusCode::UNAUTHORIZED)
    }

    /// Status 403: the bot isn't allowed to do that, for example because the user has blocked it.
    ///
    /// ```
    /// # use std::collections::HashSet;
    /// # use tower_telegram::client::Error;
    /// fn unsubscribe(error: &Error, user: i64, subscribers: &mut HashSet<i64>) {
    ///     if error.is_forbidden() {
    ///         subscribers.remove(&user);
    ///     }
    /// }
    /// # let _ = unsubscribe;
    /// ```
    pub fn is_forbidden(&self) -> bool {
        self.0.status == Some(StatusCode::FORBIDDEN)
    }
}

/// 408 or 425: the same request may be repeated.
fn is_early_or_late(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::TOO_EARLY
}

/// The facts about a failed call that decide whether to try its update again. Read from any error in a chain that is
/// an [`Error`] or its cause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallVerdict {
    pub(crate) kind: ErrorKind,
    pub(crate) status: Option<StatusCode>,
    pub(crate) retry_after: Option<Duration>,
}

impl CallVerdict {
    pub(crate) fn of(cause: &(dyn error::Error + 'static)) -> Option<Self> {
        let error = cause.downcast_ref::<Error>().map(|error| &*error.0);
        let parts = error.or_else(|| cause.downcast_ref::<ErrorParts>())?;
        Some(Self {
            kind: parts.kind,
            status: parts.status,
            retry_after: parts.retry_after,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(status: u16, description: &str) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        Error::api(status, description.into(), None, None)
    }

    #[test]
    fn f5_only_temporary_failures_are_retryable() {
        for (status, retryable) in [
            (400, false),
            (401, false),
            (403, false),
            (404, false),
            (409, false),
            (413, false),
            (421, false),
            (429, true),
            (500, true),
            (502, true),
            (503, true),
            (504, true),
        ] {
            assert_eq!(api(status, "x").is_retryable(), retryable, "{status}");
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Error::http(status).is_retryable(), retryable, "{status}");
        }
        assert!(Error::transport("x", true).is_retryable());
        assert!(Error::timeout(true).is_retryable());
        for broken in [
            Error::encode("x"),
            Error::decode("x"),
            Error::upload("x"),
            Error::invalid("x"),
        ] {
            assert!(!broken.is_retryable(), "{broken}");
        }
    }

    #[test]
    fn f4_a_refused_call_cannot_have_arrived_and_one_through_a_gateway_may_have() {
        assert!(!api(400, "Bad Request: chat not found").may_have_arrived());
        assert!(!api(429, "Too Many Requests: retry after 7").may_have_arrived());
        assert!(!api(500, "Internal Server Error: restart").may_have_arrived());
        assert!(api(502, "Bad Gateway").may_have_arrived());
        // A gateway may have passed on a request that took too long.
        assert!(api(408, "Request Timeout").may_have_arrived());
        assert!(Error::foreign(StatusCode::REQUEST_TIMEOUT).may_have_arrived());
        assert!(Error::http(StatusCode::GATEWAY_TIMEOUT).may_have_arrived());
        assert!(Error::http(StatusCode::OK).may_have_arrived());
        assert!(!Error::http(StatusCode::NOT_FOUND).may_have_arrived());
        assert!(Error::decode("x").may_have_arrived());
        assert!(Error::transport("x", true).may_have_arrived());
        assert!(!Error::transport("x", false).may_have_arrived());
    }

    #[test]
    fn f19_an_error_is_one_line_with_its_method_and_why() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        for (error, line) in [
            (
                api(403, "Forbidden: bot was blocked by the user"),
                "getMe: telegram refused the call: 403 Forbidden: bot was blocked by the user",
            ),
            (
                Error::transport(refused, false),
                "getMe: no response: connection refused",
            ),
            (
                Error::http(StatusCode::BAD_GATEWAY),
                "getMe: unexpected response (not from the bot api): 502",
            ),
            (
                Error::invalid("the url isn't https"),
                "getMe: the call can't work, and wasn't sent: the url isn't https",
            ),
            (Error::timeout(false), "getMe: no response in time"),
            (
                Error::decode("expected\na number"),
                "getMe: the result isn't what the method returns: expected a number",
            ),
        ] {
            assert_eq!(error.with_method("getMe".into()).to_string(), line);
        }
    }

    #[test]
    fn errors_of_layers_become_client_errors() {
        let ours: BoxError = api(400, "Bad Request").into();
        assert_eq!(Error::from(ours).kind(), ErrorKind::Api);
        let shed: BoxError = tower::load_shed::error::Overloaded::new().into();
        let shed = Error::from(shed);
        assert_eq!(shed.kind(), ErrorKind::Layer);
        assert!(!shed.may_have_arrived());
        #[cfg(feature = "tokio")]
        {
            let late: BoxError = tower::timeout::error::Elapsed::new().into();
            assert!(Error::from(late).is_timeout());
        }
    }
}
