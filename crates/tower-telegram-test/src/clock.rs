//! The clock of a [`Telegram`](super::Telegram): Tokio's time plus the time that a test has added.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// A clock. Clones are the same clock.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    inner: Arc<ClockState>,
}

/// The state that all clones of a clock share.
#[derive(Debug)]
struct ClockState {
    started: Instant,
    /// The time of its start, since 1970.
    started_at: Duration,
    /// Whether only a test moves it.
    is_paused: bool,
    /// How far a test has moved it.
    ahead: watch::Sender<Duration>,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Clock {
    /// A clock that runs with Tokio's time, or stands still until it is moved.
    pub(super) fn new(is_paused: bool) -> Self {
        let inner = ClockState {
            started: Instant::now(),
            started_at: wall(),
            is_paused,
            ahead: watch::Sender::new(Duration::ZERO),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The present time of this clock.
    pub(super) fn now(&self) -> Instant {
        let ahead = *self.inner.ahead.borrow();
        if self.inner.is_paused {
            self.inner.started + ahead
        } else {
            Instant::now() + ahead
        }
    }

    /// The present time in Unix seconds.
    pub(super) fn unix(&self) -> u64 {
        let elapsed = self.now() - self.inner.started;
        (self.inner.started_at + elapsed).as_secs()
    }

    /// Moves the clock, and wakes every task that waits for a time that has come. It is at most 34 years
    /// ahead.
    pub(super) fn advance(&self, by: Duration) {
        let moved = |ahead: &mut Duration| *ahead = ahead.saturating_add(by).min(MAX_SLEEP);
        self.inner.ahead.send_modify(moved);
    }

    /// Waits for a duration of this clock.
    pub(super) async fn sleep(&self, for_long: Duration) {
        // Zero doesn't even yield to the runtime.
        if !for_long.is_zero() {
            let now = self.now();
            let until = now.checked_add(for_long);
            self.sleep_until(until.unwrap_or(now + MAX_SLEEP)).await;
        }
    }

    /// Waits until a time of this clock.
    pub(super) async fn sleep_until(&self, until: Instant) {
        let mut ahead = self.inner.ahead.subscribe();
        loop {
            ahead.mark_unchanged();
            let left = until.saturating_duration_since(self.now());
            if left.is_zero() {
                return;
            }
            // The sender is in `self`, so the channel is open.
            let moved = ahead.changed();
            if self.inner.is_paused {
                moved.await.ok();
            } else {
                tokio::select! {
                    () = sleep(left) => {}
                    _ = moved => {}
                }
            }
        }
    }

    /// The future's output. `None` if it isn't ready after `limit`.
    pub(super) async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.sleep(limit) => None,
        }
    }
}

/// 34 years, the longest wait of the clock.
const MAX_SLEEP: Duration = Duration::from_secs(1 << 30);

/// The time since 1970 by the machine's clock.
pub(super) fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Unix seconds by the machine's clock.
pub(super) fn unix_now() -> u64 {
    wall().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn it_runs_with_tokios_time_and_jumps() {
        let clock = Clock::default();
        let (start, unix) = (clock.now(), clock.unix());
        tokio::time::advance(HOUR).await;
        clock.advance(HOUR);
        assert_eq!(clock.now() - start, 2 * HOUR);
        assert_eq!(clock.unix() - unix, 7200);
    }

    #[tokio::test(start_paused = true)]
    async fn it_takes_every_duration() {
        for clock in [Clock::new(false), Clock::new(true)] {
            clock.advance(Duration::MAX);
            clock.advance(Duration::MAX);
            assert!(clock.unix() > wall().as_secs());
            let never = clock.timeout(Duration::MAX, std::future::pending::<()>());
            let waited = tokio::time::timeout(HOUR, never).await;
            assert!(waited.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_wakes_no_task_until_it_is_moved_far_enough() {
        let clock = Clock::new(true);
        let slept = clock.sleep(2 * HOUR);
        tokio::pin!(slept);
        for _ in 0..2 {
            let waited = tokio::time::timeout(100 * HOUR, &mut slept).await;
            assert!(waited.is_err(), "Tokio's time is not its own");
            clock.advance(HOUR);
        }
        slept.await;
        let never = std::future::pending::<()>();
        let (ended, ()) = tokio::join!(clock.timeout(HOUR, never), async { clock.advance(HOUR) });
        assert_eq!(ended, None);
    }
}
