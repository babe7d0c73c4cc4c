//! The verdict of a handler's error on the next attempt: whether there is one, whether this one counts, and the pause.

use std::{error::Error, time::Duration};

use http::StatusCode;
use tower::BoxError;

use crate::{
    ReplyError,
    client::{self, CallVerdict, ErrorKind, causes},
    webhook::{Failure, Rejection, deferral_reason::DeferralReason, failure::ErrorCause},
};

/// Makes a failure of a handler's error.
pub(crate) fn failure(error: BoxError) -> Failure {
    let error = match error.downcast::<Failure>() {
        Ok(failure) => return *failure,
        Err(error) => error,
    };
    if causes(&*error).any(is_final) {
        Failure::permanent(error)
    } else {
        Failure::error(error)
    }
}

/// Permanent where another attempt can't change it: see [`Failure::permanent`].
impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        failure(error.into())
    }
}

impl Failure {
    /// A failure with this error, where another one, its cause, decides about the next attempt as if the handler had
    /// returned it: whether there is one, whether this one counts, and after which pause.
    ///
    /// For code between a handler and the webhook that has the handler's error only by reference, or shows another.
    ///
    /// ```
    /// use tower_telegram::webhook::Failure;
    ///
    /// let permanent = Failure::permanent("no such order");
    /// let failure = Failure::caused_by(&permanent, "the shop's handler failed");
    /// assert!(failure.is_permanent());
    /// assert_eq!(failure.as_error().unwrap().to_string(), "the shop's handler failed");
    /// ```
    pub fn caused_by(cause: &(dyn Error + 'static), error: impl Into<BoxError>) -> Self {
        let failure = if let Some(reason) = deferral_reason(cause) {
            Self::deferral_for(reason, error)
        } else if causes(cause).any(is_final) {
            Self::permanent(error)
        } else {
            Self::error(error.into())
        };
        match pause_of(cause) {
            Some(pause) => failure.with_retry_after(pause),
            None => failure,
        }
    }

    /// The failure of a handler one of whose calls the Bot API refused with this `error_code`. It is
    /// [permanent](Self::permanent) if the same call would be refused again: for 4xx other than 401, 404 and 409, which
    /// are about the bot, and 429.
    ///
    /// For calls through other clients: the errors of [`Client`](crate::Client) are recognised wherever they are.
    ///
    /// See [making requests](https://core.telegram.org/bots/api#making-requests).
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_telegram::webhook::Failure;
    ///
    /// assert!(Failure::refused_call(StatusCode::FORBIDDEN, "blocked by the user").is_permanent());
    /// assert!(!Failure::refused_call(StatusCode::TOO_MANY_REQUESTS, "slow down").is_permanent());
    /// ```
    pub fn refused_call(status: StatusCode, error: impl Into<BoxError>) -> Self {
        if is_final_refusal(status) {
            Self::permanent(error)
        } else {
            Self::error(error.into())
        }
    }
}

/// Whether another attempt can't change it.
fn is_final(cause: &(dyn Error + 'static)) -> bool {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return failure.is_permanent();
    }
    if let Some(error) = cause.downcast_ref::<ErrorCause>() {
        return error.is_permanent();
    }
    let Some(verdict) = CallVerdict::of(cause) else {
        return false;
    };
    match verdict.kind {
        // In the last case Telegram has executed the call, and another attempt would execute it twice.
        ErrorKind::Invalid | ErrorKind::Encode | ErrorKind::Decode => true,
        ErrorKind::Api => verdict.status.is_some_and(is_final_refusal),
        _ => false,
    }
}

/// Whether the Bot API refuses the same call again. 401, 404 and 409 are about the bot, and not about the call.
fn is_final_refusal(status: StatusCode) -> bool {
    status.is_client_error()
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::NOT_FOUND
                | StatusCode::CONFLICT
                | StatusCode::TOO_MANY_REQUESTS
        )
}

/// The failure of a handler whose reply can't be sent. A file that can't be read now may be there later.
pub(crate) fn unsent(error: &ReplyError) -> Failure {
    let rejection = Rejection::Reply(error.clone());
    match error {
        ReplyError::Upload(_) => Failure::error(rejection.into()),
        _ => Failure::permanent(rejection),
    }
}

/// Whether the update isn't JSON. A webhook gets an update again that was damaged on its way; one that a runner has stays
/// damaged, so that another attempt can't help.
#[cfg(feature = "tokio")]
pub(crate) fn is_malformed(failure: &Failure) -> bool {
    let is = |rejection: &Rejection| matches!(rejection, Rejection::Malformed(_));
    causes(failure).any(|cause| cause.downcast_ref().is_some_and(is))
}

/// The pause that the handler asked for, or the Bot API, where one of its refusals is the cause.
pub(super) fn pause_of(error: &(dyn Error + 'static)) -> Option<Duration> {
    causes(error).find_map(|cause| {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.retry_after();
        }
        if let Some(error) = cause.downcast_ref::<ErrorCause>() {
            return error.retry_after();
        }
        CallVerdict::of(cause)?.retry_after
    })
}

/// The reason if tower's `LoadShed` had no room for the update, or another layer or the handler deferred it. If a call that
/// the handler made was shed, the handler has failed.
pub(crate) fn deferral_reason(error: &(dyn Error + 'static)) -> Option<DeferralReason> {
    let mut of_the_update = causes(error).take_while(|cause| CallVerdict::of(*cause).is_none());
    of_the_update.find_map(|cause| {
        if cause.is::<tower::load_shed::error::Overloaded>() {
            return Some(DeferralReason::Overloaded);
        }
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.deferral_reason();
        }
        cause.downcast_ref::<ErrorCause>()?.deferral_reason()
    })
}

/// The failure of an error that defers the update for this reason.
pub(super) fn deferral(error: BoxError, reason: DeferralReason) -> Failure {
    match error.downcast::<Failure>() {
        Ok(failure) if failure.is_deferral() => *failure,
        Ok(failure) => Failure::deferral_for(reason, failure),
        Err(error) => Failure::deferral_for(reason, error),
    }
}
