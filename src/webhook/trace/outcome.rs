//! The outcome of an attempt, as spans and metrics name it.

use std::fmt;

use http::Response;

use crate::{
    telemetry::update_span::AttemptNumber,
    webhook::{Failure, Rejection, ReplyBody, outcome::Outcome},
};

/// The outcome of an attempt at an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpdateOutcome {
    /// The update was handled.
    Done,
    /// A layer had no room, lock, store or time for it. The attempt isn't counted, and the update is redelivered.
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
    pub(super) error_type: Option<&'static str>,
    pub(super) failure: Option<Failure>,
}

impl JudgedAttempt {
    pub(super) fn of(response: &Response<ReplyBody>, attempt: AttemptNumber) -> Self {
        if response.status().is_success() {
            return Self::new(UpdateOutcome::Done);
        }
        match Outcome::of(response) {
            Outcome::Done { .. } => Self::new(UpdateOutcome::Done),
            Outcome::Deferred { .. } => {
                let rejection = response.extensions().get().map(Rejection::name);
                Self {
                    error_type: Some(rejection.unwrap_or("status")),
                    ..Self::new(UpdateOutcome::Deferred)
                }
            }
            Outcome::Failed { failure, .. } if !attempt.is_last() => {
                Self::failed(UpdateOutcome::Failed, failure)
            }
            Outcome::Failed { failure, .. } | Outcome::FailedPermanently(failure) => {
                Self::failed(UpdateOutcome::Abandoned, failure)
            }
        }
    }

    /// The service returned an error, whose type isn't known here.
    pub(super) fn of_error(attempt: AttemptNumber) -> Self {
        let outcome = if attempt.is_last() {
            UpdateOutcome::Abandoned
        } else {
            UpdateOutcome::Failed
        };
        Self {
            error_type: Some("error"),
            ..Self::new(outcome)
        }
    }

    pub(super) fn panicked(attempt: AttemptNumber) -> Self {
        Self {
            error_type: Some("panic"),
            ..Self::of_error(attempt)
        }
    }

    pub(super) fn new(outcome: UpdateOutcome) -> Self {
        Self {
            outcome,
            error_type: None,
            failure: None,
        }
    }

    fn failed(outcome: UpdateOutcome, failure: Failure) -> Self {
        Self {
            outcome,
            error_type: Some(failure.kind_name()),
            failure: Some(failure),
        }
    }
}
