//! The pauses between attempts to send an update.

use std::time::Duration;

/// The pauses between attempts: none after the first failure, then 2, 4, 8 … 64 seconds.
#[derive(Debug)]
pub(crate) struct ResendBackoff {
    delay: Duration,
    failures: u32,
}

impl Default for ResendBackoff {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            failures: 0,
        }
    }
}

impl ResendBackoff {
    /// Telegram draws the bound from 60 to 120 seconds for each pause; this is the middle.
    const MAX: Duration = Duration::from_secs(90);

    /// The pause after a failure. A `Retry-After` replaces it, and doesn't make later pauses longer.
    pub(crate) fn after(&mut self, retry_after: Option<Duration>) -> Duration {
        let wait = match retry_after {
            Some(wait) => wait,
            None if self.failures == 0 => Duration::ZERO,
            None => {
                self.delay = (self.delay * 2).min(Self::MAX);
                self.delay
            }
        };
        self.failures += 1;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let mut backoff = ResendBackoff::default();
        let waits: Vec<_> = (0..9).map(|_| backoff.after(None).as_secs()).collect();
        assert_eq!(waits, [0, 2, 4, 8, 16, 32, 64, 90, 90]);
    }

    #[test]
    fn retry_after_does_not_grow_the_back_off() {
        let mut backoff = ResendBackoff::default();
        let wait = Some(Duration::from_secs(7));
        assert_eq!(backoff.after(wait), Duration::from_secs(7));
        assert_eq!(backoff.after(wait), Duration::from_secs(7));
        assert_eq!(backoff.after(None), Duration::from_secs(2));
    }
}
