//! The outcome of an attempt, as spans and metrics name it.

use std::{any::Any, borrow::Cow, error::Error, fmt};

use http::Response;
use tower::{BoxError, load_shed::error::Overloaded};

use crate::{
    client::{self, ErrorChain},
    telemetry::update_span::AttemptNumber,
    webhook::{
        Failure, Rejection, ReplyBody, deferral_reason::DeferralReason, failure::error_type,
        outcome::Outcome,
    },
};

/// The outcome of an attempt at an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpdateOutcome {
    /// The update was handled.
    Done,
    /// A layer had no room, lock, store or time for it, or the handler deferred it. The attempt isn't counted, and the
    /// update is redelivered.
    Deferred,
    /// The handler failed or panicked, and there may be another attempt.
    Failed,
    /// The handler failed, and there is no other attempt.
    Abandoned,
    /// The attempt was dropped before it ended: by a shutdown, by polling's or a worker's end, or, without a
    /// `DeliveryLayer`, by a hang-up.
    Cancelled,
}

impl UpdateOutcome {
    /// The word in spans and metrics: `done`, `deferred`, `failed`, `abandoned`, `cancelled`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the update's handler is to blame.
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Abandoned)
    }
}

impl fmt::Display for UpdateOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The outcome of an attempt, and its reason.
pub(super) struct JudgedAttempt {
    pub(super) outcome: UpdateOutcome,
    /// `error.type`, one of few.
    pub(super) error_type: Option<Cow<'static, str>>,
    /// `error.message`.
    pub(super) message: Option<String>,
    /// A deferral that no layer has counted yet, because it made no [`Rejection`].
    pub(super) is_uncounted_deferral: bool,
}

impl JudgedAttempt {
    pub(super) fn of(response: &Response<ReplyBody>, attempt: AttemptNumber) -> Self {
        if response.status().is_success() {
            return Self::new(UpdateOutcome::Done);
        }
        match Outcome::of(response) {
            Outcome::Done { .. } => Self::new(UpdateOutcome::Done),
            Outcome::Deferred { .. } => Self::deferred(response),
            Outcome::Failed { failure, .. } | Outcome::FailedPermanently(failure) => {
                Self::of_failure(&failure, attempt)
            }
        }
    }

    /// The reason is that of the failure, else that of the rejection, else the status.
    fn deferred(response: &Response<ReplyBody>) -> Self {
        let extensions = response.extensions();
        let rejection = extensions.get::<Rejection>();
        let failure = extensions.get::<Failure>();
        let failure = failure.filter(|failure| failure.is_deferral());
        let (error_type, message) = match (failure, rejection) {
            (Some(failure), _) => (failure.error_type(), ErrorChain(failure).to_string()),
            (None, Some(rejection)) => (rejection.name().into(), ErrorChain(rejection).to_string()),
            (None, None) => {
                let failure = Failure::status(response.status());
                (failure.error_type(), failure.to_string())
            }
        };
        Self {
            error_type: Some(error_type),
            message: Some(message),
            is_uncounted_deferral: rejection.is_none(),
            ..Self::new(UpdateOutcome::Deferred)
        }
    }

    /// The service returned an error. It is judged as the layer further out will judge it, which makes a response of it or
    /// hands it to a runner.
    pub(super) fn of_error<E: 'static>(error: &E, attempt: AttemptNumber) -> Self {
        let Some(error) = known_error(error) else {
            // The name of its type is all that is known of it.
            return Self::failed(std::any::type_name::<E>(), attempt);
        };
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return Self::of_failure(failure, attempt);
        }
        let failure = Failure::caused_by(error, ErrorChain(error).to_string());
        let judged = Self::of_failure(&failure, attempt);
        if judged.outcome == UpdateOutcome::Deferred {
            return judged;
        }
        // The failure has the error's text alone.
        Self {
            error_type: Some(error_type(error).into()),
            ..judged
        }
    }

    /// Whether there was no room for the update, so that it didn't get to its handler.
    pub(super) fn is_shed(&self) -> bool {
        self.outcome == UpdateOutcome::Deferred
            && self.error_type.as_deref() == Some(DeferralReason::Overloaded.name())
    }

    pub(super) fn panicked(attempt: AttemptNumber) -> Self {
        Self::failed("panic", attempt)
    }

    pub(super) fn new(outcome: UpdateOutcome) -> Self {
        Self {
            outcome,
            error_type: None,
            message: None,
            is_uncounted_deferral: false,
        }
    }

    fn of_failure(failure: &Failure, attempt: AttemptNumber) -> Self {
        let outcome = if failure.is_deferral() {
            UpdateOutcome::Deferred
        } else if failure.is_permanent() || attempt.is_last() {
            UpdateOutcome::Abandoned
        } else {
            UpdateOutcome::Failed
        };
        Self {
            error_type: Some(failure.error_type()),
            message: Some(ErrorChain(failure).to_string()),
            ..Self::new(outcome)
        }
    }

    fn failed(error_type: &'static str, attempt: AttemptNumber) -> Self {
        let outcome = if attempt.is_last() {
            UpdateOutcome::Abandoned
        } else {
            UpdateOutcome::Failed
        };
        Self {
            error_type: Some(error_type.into()),
            ..Self::new(outcome)
        }
    }
}

/// The error, if its type is one that errors of services mostly have. The services' own bound, `Into<BoxError>`, takes the
/// error away, and the caller needs it.
fn known_error<E: 'static>(error: &E) -> Option<&(dyn Error + 'static)> {
    let error: &dyn Any = error;
    if let Some(error) = error.downcast_ref::<BoxError>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Failure>() {
        return Some(error);
    }
    if let Some(error) = error.downcast_ref::<client::Error>() {
        return Some(error);
    }
    error.downcast_ref::<Overloaded>().map(|error| error as _)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l4_the_message_of_an_error_says_once_that_the_handler_failed() {
        let first = AttemptNumber::of(&http::Extensions::new());
        let judged = JudgedAttempt::of_error(&Failure::error("no".into()), first);
        assert_eq!(judged.message.as_deref(), Some("the handler failed: no"));
        let deferred = JudgedAttempt::of_error(&Failure::deferral("busy"), first);
        let message = "the handler deferred the update: busy";
        assert_eq!(deferred.message.as_deref(), Some(message));
    }
}
