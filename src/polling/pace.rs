//! The pace of calls: when the next getUpdates is due.

use std::time::Duration;

use tokio::time::Instant;

use super::window::MAX_OPEN;

/// The pause between two calls with the same offset. Within half a second Telegram responds to the second with a
/// single update.
const MIN_PAUSE: Duration = Duration::from_millis(600);

/// The longest pause while updates are open and no new one arrives.
const MAX_PAUSE: Duration = Duration::from_millis(2400);

/// The pause while no response can have a new update, unless one is done or dropped by Telegram.
const FULL: Duration = Duration::from_secs(10);

/// The window's state when the next call is planned.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowState {
    /// Whether the offset differs from the last call's.
    pub(super) has_moved: bool,
    /// How many numbers are held back: those of open updates, and of those behind them that are done.
    pub(super) held_back: usize,
    pub(super) open: usize,
}

/// The last response's kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AnswerState {
    /// It had an update that was opened.
    pub(super) has_new: bool,
    pub(super) rest: Rest,
}

/// Where updates wait that the last response didn't bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rest {
    #[default]
    Nothing,
    /// The response had as many updates as a response can have.
    AtTelegram,
    /// There was no room for some updates of the response.
    HasNoRoom,
}

/// Says when the next call is due. When no update is open, a call waits at Telegram until one arrives. While one is
/// open, Telegram responds at once with that update, so that calls have to be paced.
#[derive(Debug)]
pub(super) struct Pace {
    pause: Duration,
    started: Instant,
    answered: Instant,
    rest: Rest,
    /// After an error.
    not_before: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            pause: Duration::ZERO,
            started: now,
            answered: now,
            rest: Rest::Nothing,
            not_before: now,
        }
    }

    pub(super) fn call_begins(&mut self) {
        self.started = Instant::now();
    }

    pub(super) fn call_failed(&mut self, pause: Duration) {
        self.answered = Instant::now();
        self.not_before = self.answered + pause;
    }

    pub(super) fn call_answered(&mut self, answer: AnswerState) {
        self.answered = Instant::now();
        self.rest = answer.rest;
        // A call that waited at Telegram has had its pause.
        let has_waited = self.answered - self.started >= MIN_PAUSE;
        self.pause = if answer.has_new || has_waited {
            MIN_PAUSE
        } else {
            (self.pause * 2).clamp(MIN_PAUSE, MAX_PAUSE)
        };
    }

    /// When the next call is due.
    pub(super) fn due(&self, window: WindowState) -> Instant {
        let due = if window.held_back == 0 {
            self.due_with_nothing_in_hand(window.has_moved)
        } else {
            // A response has at least as many new updates as old ones, if Telegram has them.
            let is_half_new = window.held_back <= MAX_OPEN / 2;
            let pause = match self.rest {
                Rest::AtTelegram if window.has_moved && is_half_new => Duration::ZERO,
                Rest::AtTelegram if !window.has_moved => FULL,
                Rest::HasNoRoom if window.open > MAX_OPEN / 2 => FULL,
                _ => self.pause,
            };
            self.answered + pause
        };
        due.max(self.not_before)
    }

    fn due_with_nothing_in_hand(&self, has_moved: bool) -> Instant {
        // All is done, and the next call tells Telegram so and waits there.
        if has_moved && self.pause <= MIN_PAUSE {
            self.answered
        } else {
            self.started + self.pause
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: AnswerState = AnswerState {
        has_new: true,
        rest: Rest::Nothing,
    };
    const OLD: AnswerState = AnswerState {
        has_new: false,
        ..NEW
    };
    const FULL_OF_OLD: AnswerState = AnswerState {
        rest: Rest::AtTelegram,
        ..OLD
    };

    fn window(is_empty: bool, has_moved: bool) -> WindowState {
        let held_back = if is_empty { 0 } else { MAX_OPEN };
        WindowState {
            has_moved,
            held_back,
            open: held_back,
        }
    }

    fn pause(pace: &Pace, window: WindowState) -> Duration {
        pace.due(window).saturating_duration_since(Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn h1_calls_come_at_once_when_all_is_done_and_are_paced_while_something_is_open() {
        let mut pace = Pace::new();
        assert_eq!(
            pause(&pace, window(true, true)),
            Duration::ZERO,
            "the first"
        );
        pace.call_answered(NEW);
        assert_eq!(pause(&pace, window(true, true)), Duration::ZERO);
        assert_eq!(pause(&pace, window(false, true)), MIN_PAUSE);
        for expected in [MIN_PAUSE * 2, MIN_PAUSE * 4, MAX_PAUSE] {
            pace.call_begins();
            pace.call_answered(OLD);
            assert_eq!(pause(&pace, window(false, false)), expected);
        }
        pace.call_begins();
        pace.call_answered(NEW);
        assert_eq!(pause(&pace, window(false, false)), MIN_PAUSE);
        pace.call_failed(Duration::from_secs(9));
        assert_eq!(pause(&pace, window(true, true)), Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn h1_a_window_that_is_full_is_looked_at_when_it_is_half_empty() {
        let mut pace = Pace::new();
        pace.call_answered(FULL_OF_OLD);
        assert_eq!(pause(&pace, window(false, false)), FULL);
        assert_eq!(pause(&pace, window(false, true)), MIN_PAUSE);
        let half_empty = WindowState {
            held_back: MAX_OPEN / 2,
            ..window(false, true)
        };
        assert_eq!(pause(&pace, half_empty), Duration::ZERO);

        let rest = Rest::HasNoRoom;
        pace.call_answered(AnswerState { rest, ..NEW });
        assert_eq!(pause(&pace, window(false, true)), FULL);
        let with_room = WindowState {
            open: MAX_OPEN / 2,
            ..window(false, false)
        };
        assert_eq!(pause(&pace, with_room), MIN_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn h3_answers_of_nothing_new_are_no_hot_loop_and_a_long_poll_needs_no_pause() {
        let mut pace = Pace::new();
        for _ in 0..9 {
            pace.call_begins();
            pace.call_answered(OLD);
        }
        assert_eq!(pause(&pace, window(true, false)), MAX_PAUSE);
        assert_eq!(pause(&pace, window(true, true)), MAX_PAUSE);
        pace.call_begins();
        tokio::time::advance(Duration::from_secs(50)).await;
        pace.call_answered(OLD);
        assert_eq!(pause(&pace, window(true, false)), Duration::ZERO);
    }
}
