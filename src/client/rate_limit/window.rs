//! When the last calls were.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::policy::Rate;

/// The last calls under one limit: never more than its count in any span of its length.
///
/// A log and no counter, as a counter lets twice as many through around the point where it starts
/// anew, and Telegram's own doesn't start when ours does.
#[derive(Debug)]
pub(super) struct Window {
    rate: Rate,
    sent: VecDeque<Instant>,
}

impl Window {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            sent: VecDeque::new(),
        }
    }

    /// When there is room for the next call, where there is none yet.
    pub(super) fn opens(&self, now: Instant) -> Option<Instant> {
        if self.sent.len() < self.rate.count() {
            return None;
        }
        let oldest = self.sent.front()?;
        // A span that ends after all time is one that never ends; a day from now it is asked again.
        let opens = oldest.checked_add(self.rate.span());
        let opens = opens.unwrap_or(now + std::time::Duration::from_secs(86_400));
        (opens > now).then_some(opens)
    }

    /// Takes a call down.
    pub(super) fn stamp(&mut self, now: Instant) {
        if self.sent.len() >= self.rate.count() {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// Whether it has forgotten all its calls.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let last = self.sent.back();
        last.is_none_or(|last| now.duration_since(*last) >= self.rate.span())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn f7_never_more_than_the_count_in_any_span() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut window = Window::new(Rate::per_second(3));
        for millis in [0, 400, 900] {
            assert_eq!(window.opens(at(millis)), None);
            window.stamp(at(millis));
        }
        // A counter that starts anew each second would have let three more in here.
        assert_eq!(window.opens(at(999)), Some(at(1000)));
        assert_eq!(window.opens(at(1000)), None);
        window.stamp(at(1000));
        assert_eq!(window.opens(at(1000)), Some(at(1400)));
        assert!(!window.is_idle(at(1999)));
        assert!(window.is_idle(at(2000)));
    }

    #[test]
    fn a_span_without_end_does_not_overflow() {
        let now = Instant::now();
        let mut window = Window::new(Rate::new(1, Duration::MAX));
        window.stamp(now);
        assert!(window.opens(now).is_some());
    }
}
