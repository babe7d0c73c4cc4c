//! Errors: those of handlers, and that of an update which no dispatcher takes.

use std::{
    any::Any,
    error::Error,
    fmt::{self, Debug},
};

use teloxide::{ApiError, RequestError};
use tower_telegram::webhook::Failure;

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

/// The default meaning of a handler's error: the update has failed.
pub(crate) fn failed<Err: Debug + 'static>(error: &Err) -> Result<(), BoxError> {
    let text = TeloxideError::new(error);
    if is_permanent(error) {
        return Err(Failure::permanent(text).into());
    }
    Err(text.into())
}

/// Whether another attempt can't change it: it is, or is caused by, a refusal of the Bot API or a
/// [`Failure::permanent`]. Known are the types that teloxide's handlers usually return.
fn is_permanent(error: &dyn Any) -> bool {
    if let Some(error) = error.downcast_ref::<RequestError>() {
        return is_final(error);
    }
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.is_permanent();
    }
    let boxed = error.downcast_ref::<BoxError>();
    let first: Option<&(dyn Error + 'static)> = boxed.map(|error| &**error as _);
    let mut chain = std::iter::successors(first, |cause| (*cause).source());
    chain.any(|cause| {
        cause.downcast_ref::<RequestError>().is_some_and(is_final)
            || cause
                .downcast_ref::<Failure>()
                .is_some_and(Failure::is_permanent)
    })
}

/// Whether Telegram refuses the same call each time. teloxide keeps the description of a refusal and not its code;
/// descriptions begin with the name of the code.
fn is_final(error: &RequestError) -> bool {
    match error {
        RequestError::Api(ApiError::Unknown(description)) => is_refusal(description),
        RequestError::Api(error) => is_refusal(&error.to_string()),
        RequestError::MigrateToChatId(_) => true,
        _ => false,
    }
}

/// 400 or 403. The other codes are about the bot, or may pass.
fn is_refusal(description: &str) -> bool {
    ["Bad Request", "Forbidden"]
        .iter()
        .any(|code| description.starts_with(code))
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
    fn m3_the_error_of_a_handler_keeps_its_text() {
        let error = failed(&vec!["a", "b"]).unwrap_err();
        assert_eq!(error.to_string(), r#"["a", "b"]"#);
        assert!(error.is::<TeloxideError>());
    }
}
