//! The deadline of a request.

use std::time::Duration;

use tokio::time::Instant;

/// No longer, because clocks of some systems can't represent a time that is much further away.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The instant by which a response is due. `DeadlineLayer` puts it into the extensions of a request.
///
/// A handler can read it to skip work that wouldn't end in time.
/// [`Client::with_deadline`](crate::Client::with_deadline) makes a client whose calls respect it.
///
/// ```
/// use std::time::Duration;
/// use tokio::time::Instant;
/// use tower_telegram::webhook::Deadline;
///
/// let deadline = Deadline::at(Instant::now() + Duration::from_secs(8));
/// assert!(deadline.remaining() <= Duration::from_secs(8));
/// assert!(Deadline::at(Instant::now()).remaining().is_zero());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline at this instant.
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// A deadline that limits no response: it is 30 years away.
    pub fn never() -> Self {
        Self(Instant::now() + NEVER)
    }

    /// The instant of the deadline.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// The time until the deadline, or zero if it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
