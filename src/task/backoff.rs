//! Back-off with jitter: pauses that grow, and that differ between processes.

use std::time::Duration;

use super::random::random_fraction;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The bounds of a pause that a server asks for.
const MIN_ASKED_PAUSE: Duration = Duration::from_millis(250);
const MAX_ASKED_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Pauses of 1 s, doubled up to 60 s, each longer by a random part of up to a quarter.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST_PAUSE }
    }

    /// Begins again with the shortest pause.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST_PAUSE;
    }

    /// The next pause: at least `asked_for`, if the server asked for one, and at most an hour.
    pub(crate) fn next(&mut self, asked_for: Option<Duration>) -> Duration {
        let pause = asked_for.map_or(self.next, bounded_pause);
        self.next = (self.next * 2).min(MAX_PAUSE);
        longer_at_random(pause)
    }
}

/// Limits a pause that a server asks for to between a quarter of a second and an hour. Zero would make a loop without a
/// pause, and no server means one of years.
pub(crate) fn bounded_pause(asked_for: Duration) -> Duration {
    asked_for.clamp(MIN_ASKED_PAUSE, MAX_ASKED_PAUSE)
}

/// Returns the pause, longer by a random part of up to a quarter.
pub(crate) fn longer_at_random(pause: Duration) -> Duration {
    pause.saturating_add(pause.mul_f64(random_fraction() / 4.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_are_never_shorter_than_asked() {
        let mut backoff = Backoff::new();
        for base in [1, 2, 4, 8, 16, 32, 60, 60] {
            let base = Duration::from_secs(base);
            let pause = backoff.next(None);
            assert!(base <= pause && pause < base + base / 4, "{pause:?}");
        }
        let asked = Duration::from_secs(7);
        assert!(backoff.next(Some(asked)) >= asked);
        let hour = Duration::from_secs(3600);
        assert!(backoff.next(Some(Duration::MAX)) < 2 * hour);
        assert!(!backoff.next(Some(Duration::ZERO)).is_zero());
        backoff.reset();
        assert!(backoff.next(None) < Duration::from_secs(2));
    }
}
