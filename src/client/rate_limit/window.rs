//! A sliding window over the last messages.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::rate::Rate;

/// The time until an instant that can't be represented is computed again.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// The last messages under one limit: never more than its count in any span of its length.
///
/// It keeps the time of each message. A counter that is reset once a span would allow twice as many messages around
/// each reset, and Telegram's own spans begin at other times.
///
/// A call with more messages than the count is allowed when the whole count is free. Later calls wait for as many spans
/// as its messages would have taken one by one.
#[derive(Clone, Debug)]
pub(super) struct Window {
    rate: Rate,
    /// When messages were sent: at most as many as the count, the oldest first.
    sent: VecDeque<Instant>,
    /// When the spans of a call with more messages than the count are over.
    made_up_at: Option<Instant>,
}

impl Window {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            sent: VecDeque::new(),
            made_up_at: None,
        }
    }

    /// The same messages under another limit.
    pub(super) fn with_rate(&self, rate: Rate) -> Self {
        let more = self.sent.len().saturating_sub(rate.count());
        Self {
            rate,
            sent: self.sent.iter().skip(more).copied().collect(),
            made_up_at: self.made_up_at,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// From when so many messages are allowed, if `ahead` others are sent before them as soon as possible, and none of
    /// them before `from`.
    pub(super) fn next_slot(&self, from: Instant, ahead: usize, messages: usize) -> Instant {
        let from = self.made_up_at.map_or(from, |at| at.max(from));
        let count = self.rate.count();
        let number = ahead.saturating_add(messages.min(count)).max(1);
        // Each message is sent a span after the one that is `count` messages before it.
        let spans = (number - 1) / count;
        let number = number - spans * count;
        let free = count - self.sent.len();
        let first = if number <= free {
            from
        } else {
            let before = self.sent[number - free - 1];
            from.max(later(before, self.rate.span(), 1))
        };
        later(first, self.rate.span(), spans)
    }

    /// Records messages.
    pub(super) fn record(&mut self, now: Instant, messages: usize) {
        let (count, span) = (self.rate.count(), self.rate.span());
        while self
            .sent
            .front()
            .is_some_and(|oldest| later(*oldest, span, 1) <= now)
        {
            self.sent.pop_front();
        }
        for _ in 0..messages.min(count) {
            if self.sent.len() >= count {
                self.sent.pop_front();
            }
            self.sent.push_back(now);
        }
        if messages > count {
            self.made_up_at = Some(later(now, span, messages.div_ceil(count)));
        }
    }

    /// Whether none of the messages counts any more.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let last = self.sent.back();
        let is_old = last.is_none_or(|last| now.duration_since(*last) >= self.rate.span());
        is_old && self.made_up_at.is_none_or(|at| at <= now)
    }
}

/// Returns the instant that many spans later.
fn later(instant: Instant, span: Duration, spans: usize) -> Instant {
    let spans = u32::try_from(spans).unwrap_or(u32::MAX);
    let end = span
        .checked_mul(spans)
        .and_then(|time| instant.checked_add(time));
    end.unwrap_or_else(|| Instant::now() + FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f7_never_more_than_the_count_in_any_span() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut window = Window::new(Rate::per_second(3));
        for millis in [0, 400, 900] {
            assert_eq!(window.next_slot(at(millis), 0, 1), at(millis));
            window.record(at(millis), 1);
        }
        // A counter that starts anew each second would have let three more in here.
        assert_eq!(window.next_slot(at(999), 0, 1), at(1000));
        assert_eq!(window.next_slot(at(1000), 0, 1), at(1000));
        window.record(at(1000), 1);
        assert_eq!(window.next_slot(at(1000), 0, 1), at(1400));
        assert!(!window.is_idle(at(1999)));
        assert!(window.is_idle(at(2000)));
    }

    #[test]
    fn f13_those_ahead_go_first_and_each_as_soon_as_it_may() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut window = Window::new(Rate::new(3, Duration::from_secs(10)));
        window.record(at(0), 1);
        window.record(at(4), 1);
        for (ahead, slot) in [(0, 5), (1, 10), (2, 14), (3, 15), (4, 20), (7, 30)] {
            assert_eq!(window.next_slot(at(5), ahead, 1), at(slot), "{ahead}");
        }
        // Two need two places, and four all that there are.
        assert_eq!(window.next_slot(at(5), 0, 2), at(10));
        assert_eq!(window.next_slot(at(5), 0, 4), at(14));
    }

    #[test]
    fn f14_more_than_the_count_are_made_up_for() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut window = Window::new(Rate::new(3, Duration::from_secs(10)));
        assert_eq!(window.next_slot(at(0), 0, 8), at(0));
        window.record(at(0), 8);
        assert_eq!(window.next_slot(at(0), 0, 1), at(30));
        assert_eq!(window.next_slot(at(0), 3, 1), at(40));
        assert!(!window.is_idle(at(29)));
        assert!(window.is_idle(at(30)));
    }

    #[test]
    fn another_limit_keeps_the_messages_that_were_sent() {
        let start = Instant::now();
        let mut window = Window::new(Rate::per_minute(5));
        window.record(start, 4);
        let minute = start + Duration::from_secs(60);
        assert_eq!(
            window.with_rate(Rate::per_minute(2)).next_slot(start, 0, 1),
            minute
        );
        assert_eq!(
            window.with_rate(Rate::per_minute(6)).next_slot(start, 0, 2),
            start
        );
        assert_eq!(
            window.with_rate(Rate::per_minute(6)).next_slot(start, 0, 3),
            minute
        );
    }

    /// A log of all calls, under a limit that none can reach, grew without end.
    #[test]
    fn a_log_forgets_what_is_older_than_its_span() {
        let start = Instant::now();
        let mut window = Window::new(Rate::per_second(usize::MAX));
        for second in 0..100 {
            window.record(start + Duration::from_secs(second), 1);
        }
        assert_eq!(window.len(), 1);
        let end = start + Duration::from_secs(100);
        assert_eq!(window.next_slot(start, usize::MAX, usize::MAX), end);
        assert_eq!(window.next_slot(start, 0, 1), start);
    }

    #[test]
    fn a_span_without_end_does_not_overflow() {
        let now = Instant::now();
        let mut window = Window::new(Rate::new(1, Duration::MAX));
        window.record(now, 3);
        assert!(window.next_slot(now, usize::MAX, 1) > now);
    }
}
