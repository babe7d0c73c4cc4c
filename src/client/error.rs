//! The error of a call.

use std::{borrow::Cow, error, fmt, time::Duration};

use http::StatusCode;

use super::error_chain::ErrorChain;
use crate::body::multipart::OpenError;
use tower::BoxError;

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

/// The bounds of a wait that a server asks for. Zero would make a caller loop without a pause. Telegram's longest
/// waits are those of settings that can be changed once a day.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

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

/// The category of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Telegram refused the call: the response has an `error_code`, and usually a description.
    Api,
    /// The response isn't a whole response of the Bot API: a proxy's error page, JSON that breaks off, or more than
    /// 32 MiB.
    Http,
    /// There is no response: the connection couldn't be made, or broke. With a status, it broke while the response
    /// was read.
    Transport,
    /// There was no response in time. With a status, the response began in time and didn't end in time.
    Timeout,
    /// The call wasn't made: the [`Deadline`](crate::webhook::Deadline) in its extensions has passed, or ends
    /// before its turn under the limits on calls. Nothing was sent.
    DeadlineExceeded,
    /// A layer around the client rejected the call, such as tower's load shed.
    Layer,
    /// The call has parameters that can't work, and wasn't sent.
    Invalid,
    /// The call couldn't be encoded, and wasn't sent.
    Encode,
    /// A file couldn't be read for its upload.
    Upload,
    /// A file that a server in local mode has on its disk can't be opened or read here, or isn't below the folder of
    /// [`local_files_at`](super::BotApi::local_files_at). The server's folder is probably not mounted.
    LocalFile,
    /// A downloaded file couldn't be written.
    Write,
    /// The result doesn't have the type that the method returns.
    Decode,
}

impl ErrorKind {
    /// The name of the kind in spans and metrics: `api`, `http`, `transport`, `timeout`, …
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Http => "http",
            Self::Transport => "transport",
            Self::Timeout => "timeout",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Layer => "layer",
            Self::Invalid => "invalid",
            Self::Encode => "encode",
            Self::Upload => "upload",
            Self::LocalFile => "local_file",
            Self::Write => "write",
            Self::Decode => "decode",
        }
    }
}

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

    fn caused(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        let mut error = Self::new(kind);
        error.0.source = Some(source.into());
        error
    }

    pub(crate) fn invalid(source: impl Into<BoxError>) -> Self {
        Self::caused(ErrorKind::Invalid, source)
    }

    pub(crate) fn encode(source: impl Into<BoxError>) -> Self {
        Self::caused(ErrorKind::Encode, source)
    }

    /// Telegram carried the call out, so that repeating it would do it twice.
    pub(crate) fn decode(source: impl Into<BoxError>) -> Self {
        Self::caused(ErrorKind::Decode, source).arrived(true)
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
        Self::caused(ErrorKind::Write, source)
    }

    pub(crate) fn upload(source: impl Into<BoxError>) -> Self {
        Self::caused(ErrorKind::Upload, source)
    }

    /// `sent` says whether all of the request was handed to the connection.
    pub(crate) fn transport(source: impl Into<BoxError>, sent: bool) -> Self {
        let source = source.into();
        let kind = if is_timeout(&source) {
            ErrorKind::Timeout
        } else {
            ErrorKind::Transport
        };
        Self::caused(kind, source).arrived(sent)
    }

    /// `sent` says whether all of the request was handed to the connection.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) fn timeout(sent: bool) -> Self {
        Self::new(ErrorKind::Timeout).arrived(sent)
    }

    /// Nothing was sent.
    #[cfg(feature = "tokio")]
    pub(crate) fn deadline_exceeded() -> Self {
        Self::new(ErrorKind::DeadlineExceeded)
    }

    /// A response that isn't the Bot API's, such as a proxy's. With a 5xx the proxy may have passed the call on
    /// before; with a 4xx it hasn't.
    pub(crate) fn http(status: StatusCode) -> Self {
        Self::new(ErrorKind::Http).under(status)
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
    pub(crate) fn under(mut self, status: StatusCode) -> Self {
        // A gateway may have passed on a request that took too long.
        let is_late = status == StatusCode::REQUEST_TIMEOUT;
        let refused = (status.is_client_error() && !is_late) || status.is_redirection();
        self.0.status = Some(status);
        self.arrived(!refused)
    }

    pub(crate) fn api(
        status: StatusCode,
        description: Box<str>,
        retry_after: Option<Duration>,
        migrate_to_chat_id: Option<i64>,
    ) -> Self {
        // A server that is closing hasn't begun. Any other 5xx may be its gateway's, which responds in the same
        // form.
        let begun = status.is_server_error() && !description.ends_with(": restart");
        let mut error = Self::new(ErrorKind::Api).arrived(begun);
        error.0.status = Some(status);
        error.0.description = Some(description);
        error.0.migrate_to_chat_id = migrate_to_chat_id;
        error.with_retry_after(retry_after)
    }

    /// Some of several messages may have been sent before the rest was refused.
    pub(crate) fn partly_carried_out(self) -> Self {
        self.arrived(true)
    }

    /// A file on this machine's disk can't be opened or read.
    pub(crate) fn local_file(source: impl Into<BoxError>) -> Self {
        Self::caused(ErrorKind::LocalFile, source)
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

    fn arrived(mut self, may_have_arrived: bool) -> Self {
        self.0.may_have_arrived = may_have_arrived;
        self
    }

    pub(crate) fn with_method(mut self, method: Cow<'static, str>) -> Self {
        self.0.method = Some(method);
        self
    }

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

    /// Whether the same call might succeed later: it was over a limit (429), the server or a proxy had trouble
    /// (5xx) or not the time (408, 425), or the connection failed.
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

    /// The error of a layer. Tower's timeout has the kind `Timeout`.
    fn from_layer(error: BoxError) -> Self {
        if is_timeout(&error) {
            return Self::caused(ErrorKind::Timeout, error).arrived(true);
        }
        let shed = error.is::<tower::load_shed::error::Overloaded>();
        Self::caused(ErrorKind::Layer, error).arrived(!shed)
    }
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

/// Whether a proxy had no time for a request, or had it too early: it asks for the same again.
fn is_early_or_late(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::TOO_EARLY
}

impl From<BoxError> for Error {
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(other) => Self::from_layer(other),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(method) = &self.0.method {
            write!(f, "{method}: ")?;
        }
        f.write_str(match self.0.kind {
            ErrorKind::Api => "telegram refused the call",
            ErrorKind::Http => "unexpected response (not from the bot api)",
            ErrorKind::Transport if self.0.status.is_some() => "the response broke off",
            ErrorKind::Transport => "no response",
            ErrorKind::Timeout if self.0.status.is_some() => "the response didn't end in time",
            ErrorKind::Timeout => "no response in time",
            ErrorKind::DeadlineExceeded => "the deadline ends before the call can be made",
            ErrorKind::Layer => "a layer rejected the call",
            ErrorKind::Invalid => "the call can't work, and wasn't sent",
            ErrorKind::Encode => "the call can't be encoded",
            ErrorKind::Upload => "a file to upload can't be read",
            ErrorKind::LocalFile => "the server's file can't be read on this machine",
            ErrorKind::Write => "a downloaded file can't be written",
            ErrorKind::Decode => "the result isn't what the method returns",
        })?;
        if let Some(status) = self.0.status {
            write!(f, ": {}", status.as_u16())?;
        }
        if let Some(description) = &self.0.description
            && !description.is_empty()
        {
            write!(f, " {description}")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, ": {}", ErrorChain(&**source))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("method", &self.0.method)
            .field("status", &self.0.status)
            .field("description", &self.0.description)
            .field(
                "source",
                &self.0.source.as_deref().map(|source| ErrorChain(source)),
            )
            .finish_non_exhaustive()
    }
}

impl error::Error for Error {
    /// The cause. The cause of a refusal is the refusal's own status and description, because crates such as anyhow
    /// hide the type of the outermost error, and the webhook has to recognise a refusal.
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self.0.kind {
            ErrorKind::Api => Some(&*self.0),
            _ => self.0.source.as_deref().map(|e| e as _),
        }
    }
}

/// The status and the description alone.
impl fmt::Display for ErrorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.description) {
            (Some(status), Some(description)) if !description.is_empty() => {
                write!(f, "{} {description}", status.as_u16())
            }
            (Some(status), _) => write!(f, "{}", status.as_u16()),
            (None, _) => f.write_str("no status"),
        }
    }
}

impl fmt::Debug for ErrorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl error::Error for ErrorParts {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
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
