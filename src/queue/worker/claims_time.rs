//! How long ago the claims were renewed.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// When the claims were last renewed, by this process' clock: before the call, so that they are valid for a lease after
/// that at least.
#[derive(Debug)]
pub(super) struct ClaimsTime {
    lease: Duration,
    renewed: Mutex<Option<Instant>>,
}

impl ClaimsTime {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            lease,
            renewed: Mutex::default(),
        }
    }

    /// A call that began then has renewed all of them.
    pub(super) fn renewed(&self, at: Instant) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// For how long all are valid still, if they aren't renewed. Zero if they never were.
    pub(super) fn left(&self) -> Duration {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.map_or(Duration::ZERO, |at| self.lease.saturating_sub(at.elapsed()))
    }

    /// Whether all are valid without asking: for a quarter of their lease.
    pub(super) fn are_certain(&self) -> bool {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.is_some_and(|renewed| renewed.elapsed() < self.lease / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn claims_are_certain_for_a_quarter_of_their_lease_after_the_call_that_renewed_them() {
        let lease = Duration::from_secs(10);
        let claims = ClaimsTime::new(lease);
        assert!(!claims.are_certain(), "there are none yet");
        assert_eq!(claims.left(), Duration::ZERO);
        let called = Instant::now();
        tokio::time::advance(lease / 8).await;
        claims.renewed(called);
        assert!(claims.are_certain());
        tokio::time::advance(lease / 8).await;
        assert!(!claims.are_certain());
        assert_eq!(claims.left(), lease * 3 / 4);
        tokio::time::advance(lease).await;
        assert_eq!(claims.left(), Duration::ZERO);
    }
}
