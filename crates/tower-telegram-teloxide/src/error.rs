//! Errors: those of handlers, and that of an update which no dispatcher takes.

use std::{
    any::Any,
    error::Error,
    fmt::{self, Debug},
};

use http::StatusCode;
use teloxide::{ApiError, RequestError};
use tower_telegram::{client, webhook::Failure};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The `Debug` text of a teloxide handler's error.
///
/// The error itself goes to the dispatcher's error handler, which takes it by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeloxideError(Box<str>);

impl TeloxideError {
    /// Keeps the text of an error.
    pub fn new(error: &impl Debug) -> Self {
        Self(format!("{error:?}").into())
    }
}

impl fmt::Display for TeloxideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for TeloxideError {}

/// The dispatcher has stopped, or was dropped before it took the update. The update isn't handled, and Telegram sends
/// it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DispatcherStopped;

impl fmt::Display for DispatcherStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the dispatcher takes no updates")
    }
}

impl Error for DispatcherStopped {}

/// The failure of a handler that returned this error, or one that was caused by it: whether there is another attempt, and
/// after which pause. Its text is the error's `Debug` text.
///
/// A refusal of the Bot API that a repeat can't change is permanent, such as 400 and 403, and so is a call that Telegram
/// has carried out and whose result teloxide can't read. After [`RequestError::RetryAfter`] there is the pause that
/// Telegram asks for. Errors of tower-telegram's [`Client`](tower_telegram::Client) count as everywhere, and so does a
/// [`Failure`].
///
/// [`Bridge::new`](crate::Bridge::new) does so with the types of error that it knows. For a type of one's own:
///
/// ```
/// use std::{error::Error, fmt};
///
/// use teloxide::{ApiError, RequestError, prelude::*};
/// use tower_telegram_teloxide::{Bridge, failure_of};
///
/// #[derive(Debug)]
/// struct OrderError(RequestError);
///
/// impl fmt::Display for OrderError {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("the order failed")
///     }
/// }
///
/// impl Error for OrderError {
///     fn source(&self) -> Option<&(dyn Error + 'static)> {
///         Some(&self.0)
///     }
/// }
///
/// # async fn order() -> Result<(), OrderError> { Ok(()) }
/// let tree = Update::filter_message().endpoint(order);
/// let bridge = Bridge::with_errors(tree, |error| Err(failure_of(error).into()));
/// # let _ = bridge;
///
/// let blocked = OrderError(RequestError::Api(ApiError::BotBlocked));
/// assert!(failure_of(&blocked).is_permanent());
/// ```
pub fn failure_of(error: &(dyn Error + 'static)) -> Failure {
    judged(error, TeloxideError::new(&error))
}

/// The default meaning of a handler's error: the update has failed.
pub(crate) fn failed<Err: Debug + 'static>(error: &Err) -> Result<(), BoxError> {
    let text = TeloxideError::new(error);
    Err(match as_error(error) {
        Some(cause) => judged(cause, text).into(),
        None => text.into(),
    })
}

/// The error as one with causes, if its type is one that handlers usually return.
fn as_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    fn is<E: Error + 'static>(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
        error.downcast_ref::<E>().map(|error| error as _)
    }
    let boxed = error.downcast_ref::<BoxError>().map(|boxed| &**boxed as _);
    boxed
        .or_else(|| is::<RequestError>(error))
        .or_else(|| is::<client::Error>(error))
        .or_else(|| is::<Failure>(error))
}

/// tower-telegram judges its own errors. Where there are none, teloxide's decide.
fn judged(error: &(dyn Error + 'static), text: TeloxideError) -> Failure {
    let failure = Failure::caused_by(error, text.clone());
    if failure.is_permanent() || failure.is_deferral() || failure.retry_after().is_some() {
        return failure;
    }
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    let request = chain.find_map(|cause| cause.downcast_ref::<RequestError>());
    request
        .and_then(|error| of_request(error, text))
        .unwrap_or(failure)
}

/// The failure, if the error is about a response of the Bot API.
fn of_request(error: &RequestError, text: TeloxideError) -> Option<Failure> {
    Some(match error {
        RequestError::Api(error) => Failure::refused_call(status(error)?, text),
        RequestError::MigrateToChatId(_) => Failure::refused_call(StatusCode::BAD_REQUEST, text),
        RequestError::RetryAfter(wait) => {
            Failure::refused_call(StatusCode::TOO_MANY_REQUESTS, text)
                .with_retry_after(wait.duration())
        }
        // Another attempt would make the call twice.
        RequestError::InvalidJson { raw, .. } if is_success(raw) => Failure::permanent(text),
        _ => return None,
    })
}

/// The code of a refusal. teloxide keeps the description alone, which begins with the code's name.
fn status(error: &ApiError) -> Option<StatusCode> {
    let description = match error {
        ApiError::Unknown(description) => description.clone(),
        known => known.to_string(),
    };
    // An older name, which Telegram has kept.
    if description.starts_with("Request Entity Too Large") {
        return Some(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut codes = (400..600).filter_map(|code| StatusCode::from_u16(code).ok());
    codes.find(|code| {
        let name = code.canonical_reason();
        name.is_some_and(|name| description.starts_with(name))
    })
}

/// Whether it is the Bot API's response to a call that was carried out. A proxy's page isn't.
fn is_success(raw: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(raw).is_ok_and(|response| response["ok"] == true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use teloxide::types::{ChatId, Seconds};

    use super::*;

    fn permanent<Err: Debug + 'static>(error: &Err) -> bool {
        let error = failed(error).unwrap_err();
        error
            .downcast_ref::<Failure>()
            .is_some_and(Failure::is_permanent)
    }

    #[test]
    fn m3_a_refusal_that_stays_one_is_permanent() {
        let api = |error| RequestError::Api(error);
        let unknown = |text: &str| api(ApiError::Unknown(text.to_owned()));
        let broken = std::io::Error::other("broken");
        for (error, expected) in [
            (api(ApiError::BotBlocked), true),
            (api(ApiError::ChatNotFound), true),
            (api(ApiError::InvalidToken), false),
            (api(ApiError::TerminatedByOtherGetUpdates), false),
            (unknown("Bad Request: new words"), true),
            (unknown("Forbidden: new words"), true),
            (unknown("Internal Server Error"), false),
            (unknown("no code"), false),
            (api(ApiError::RequestEntityTooLarge), true),
            (unknown("Payload Too Large"), true),
            (RequestError::MigrateToChatId(ChatId(7)), true),
            (RequestError::RetryAfter(Seconds::from_seconds(7)), false),
            (RequestError::Io(Arc::new(broken)), false),
        ] {
            let boxed: BoxError = error.clone().into();
            let caused: BoxError = Box::new(Failure::permanent(error.clone()));
            assert_eq!(permanent(&error), expected, "{error:?}");
            assert_eq!(permanent(&boxed), expected, "{error:?} in a box");
            assert!(permanent(&caused), "{error:?} as a permanent failure");
        }
        assert!(!permanent(&"a text"));
        assert!(permanent(&Failure::permanent("no such order")));
    }

    #[test]
    fn m3_a_deferral_stays_one() {
        let deferral = Failure::deferral("no worker is free");
        let boxed: BoxError = deferral.clone().into();
        for error in [failed(&deferral), failed(&boxed)] {
            let error = error.unwrap_err();
            assert!(error.downcast_ref::<Failure>().unwrap().is_deferral());
        }
    }

    #[test]
    fn m3_a_result_that_teloxide_cant_read_means_that_the_call_was_carried_out() {
        let invalid = |raw: &str| RequestError::InvalidJson {
            source: Arc::new(serde_json::from_str::<u8>("x").unwrap_err()),
            raw: raw.into(),
        };
        for (raw, expected) in [
            (r#"{"ok":true,"result":"a text"}"#, true),
            (r#"{"ok":false}"#, false),
            (r#"{"ok":true,"result":{"message_"#, false),
            ("<html>Bad Gateway</html>", false),
            ("true", false),
            ("", false),
        ] {
            assert_eq!(permanent(&invalid(raw)), expected, "{raw}");
        }
    }

    #[test]
    fn m3_the_error_of_a_handler_keeps_its_text() {
        let error = failed(&vec!["a", "b"]).unwrap_err();
        assert_eq!(error.to_string(), r#"["a", "b"]"#);
        assert!(error.is::<TeloxideError>());
    }
}
