//! A moment by which something is due.

use std::time::Duration;

use tokio::time::Instant;

/// When a response is due; in the extensions of the request.
///
/// A handler that has it can leave undone what wouldn't be done in time.
/// [`Client::with_deadline`](crate::Client::with_deadline) has the client's layers keep to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// At this instant.
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The instant.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// How long there still is; zero once it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
