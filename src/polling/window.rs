//! The window of open updates, and up to which one they may be confirmed.

use std::{
    collections::{HashSet, VecDeque},
    mem,
};

/// The most open updates: Telegram returns no more than that from the oldest one on.
pub(super) const MAX_OPEN: usize = 100;

/// The most bytes of open updates, unless it is one alone. Telegram's own responses have at most 4 MiB.
const MAX_OPEN_BYTES: usize = 16 << 20;

/// How many numbers are remembered after they were confirmed.
const MAX_CONFIRMED: usize = 200;

/// The updates from the oldest open one on, in the order in which they were received.
#[derive(Debug, Default)]
pub(super) struct UpdateWindow {
    entries: VecDeque<WindowEntry>,
    /// How many updates are open, and how many bytes they have.
    open: usize,
    open_bytes: usize,
    /// The last that left the window.
    last: Option<i64>,
    /// Those that left it lately, in case a server sends them again.
    confirmed: VecDeque<i64>,
}

#[derive(Debug)]
struct WindowEntry {
    id: i64,
    bytes: usize,
    is_open: bool,
}

impl UpdateWindow {
    /// The offset of the next call: the oldest open update, or the one after all that are done.
    pub(super) fn offset(&self) -> Option<i64> {
        match self.entries.front() {
            Some(oldest) => Some(oldest.id),
            None => self.last.map(|last| last.saturating_add(1)),
        }
    }

    /// How many numbers are held back: those that are open, and those behind them that are done.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn open_count(&self) -> usize {
        self.open
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn knows(&self, id: i64) -> bool {
        self.entries.iter().any(|entry| entry.id == id) || self.confirmed.contains(&id)
    }

    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        let bytes = self.open_bytes.saturating_add(bytes);
        self.open == 0 || (self.open < MAX_OPEN && bytes <= MAX_OPEN_BYTES)
    }

    /// Opens an update behind all others.
    pub(super) fn open(&mut self, id: i64, bytes: usize) {
        self.open += 1;
        self.open_bytes += bytes;
        let is_open = true;
        self.entries.push_back(WindowEntry { id, bytes, is_open });
    }

    /// Adds an update that is done without being handled.
    pub(super) fn skip(&mut self, id: i64) {
        let (bytes, is_open) = (0, false);
        self.entries.push_back(WindowEntry { id, bytes, is_open });
        self.advance();
    }

    /// An open update is done.
    pub(super) fn end(&mut self, id: i64) {
        let entry = self.entries.iter_mut().find(|entry| entry.id == id);
        if let Some(entry) = entry
            && mem::take(&mut entry.is_open)
        {
            self.open -= 1;
            self.open_bytes -= entry.bytes;
            self.advance();
        }
    }

    /// The open updates before one that is done or runs. Unless they end too, it can't be confirmed.
    pub(super) fn must_end(&self, is_running: impl Fn(i64) -> bool) -> HashSet<i64> {
        let counts = |entry: &WindowEntry| !entry.is_open || is_running(entry.id);
        let last = self.entries.iter().rposition(counts);
        let before = self.entries.iter().take(last.map_or(0, |last| last + 1));
        before
            .filter(|entry| entry.is_open)
            .map(|entry| entry.id)
            .collect()
    }

    /// Removes the done updates that a response from the oldest on didn't have: Telegram has dropped them because
    /// they were too old, and won't send them again.
    pub(super) fn forget_all_done_but(&mut self, answered: &[i64]) {
        let Some(last) = answered.last() else {
            return;
        };
        let is_needed =
            |entry: &WindowEntry| entry.is_open || entry.id > *last || answered.contains(&entry.id);
        self.entries.retain(is_needed);
    }

    fn advance(&mut self) {
        while self.entries.front().is_some_and(|oldest| !oldest.is_open)
            && let Some(entry) = self.entries.pop_front()
        {
            self.last = Some(entry.id);
            self.confirmed.push_back(entry.id);
            if self.confirmed.len() > MAX_CONFIRMED {
                self.confirmed.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h1_h2_the_offset_is_the_oldest_that_is_open() {
        let mut window = UpdateWindow::default();
        assert_eq!(window.offset(), None);
        for id in 5..=8 {
            window.open(id, 10);
        }
        for (ended, offset) in [(6, 5), (8, 5), (5, 7), (7, 9)] {
            window.end(ended);
            assert_eq!(window.offset(), Some(offset));
        }
        assert!(window.is_empty());
        assert!((5..=8).all(|id| window.knows(id)));
        // An update that ends twice ends once.
        window.end(7);
        window.open(9, 10);
        assert_eq!((window.offset(), window.open), (Some(9), 1));
    }

    #[test]
    fn h3_a_skipped_update_is_confirmed_in_its_turn() {
        let mut window = UpdateWindow::default();
        window.skip(1);
        assert_eq!(window.offset(), Some(2));
        window.open(2, 10);
        window.skip(3);
        assert_eq!(window.offset(), Some(2));
        window.end(2);
        assert_eq!(window.offset(), Some(4));
    }

    #[test]
    fn h1_the_window_is_bounded_in_number_and_in_bytes() {
        let mut window = UpdateWindow::default();
        assert!(window.has_room_for(usize::MAX), "one has, however large");
        for id in 0..100 {
            assert!(window.has_room_for(1));
            window.open(id, 1);
        }
        assert!(!window.has_room_for(1));
        window.end(50);
        assert!(window.has_room_for(1) && !window.has_room_for(MAX_OPEN_BYTES));
    }

    #[test]
    fn h5_what_stands_before_one_that_is_done_or_runs_has_to_end() {
        let mut window = UpdateWindow::default();
        for id in 1..=6 {
            window.open(id, 1);
        }
        let must_end = |window: &UpdateWindow, running: i64| {
            let ids = window.must_end(|id| id == running);
            let mut ids: Vec<_> = ids.into_iter().collect();
            ids.sort_unstable();
            ids
        };
        assert!(must_end(&window, 0).is_empty());
        assert_eq!(must_end(&window, 2), [1, 2]);
        window.end(4);
        assert_eq!(must_end(&window, 2), [1, 2, 3]);
        assert_eq!(must_end(&window, 5), [1, 2, 3, 5]);
    }

    /// Telegram begins with other numbers when a bot had no updates for a week.
    #[test]
    fn numbers_may_begin_again() {
        let mut window = UpdateWindow::default();
        window.open(900, 1);
        window.end(900);
        assert!(!window.knows(7));
        window.open(7, 1);
        window.open(8, 1);
        window.end(8);
        assert_eq!(window.offset(), Some(7));
        window.end(7);
        assert_eq!(window.offset(), Some(9));
    }

    #[test]
    fn h1_numbers_that_telegram_has_dropped_are_forgotten() {
        let mut window = UpdateWindow::default();
        for id in 1..=6 {
            window.open(id, 1);
        }
        for id in [2, 3, 5, 6] {
            window.end(id);
        }
        // 1 is open, 2 and 4 are gone at Telegram, 6 is beyond the response.
        window.forget_all_done_but(&[3, 5]);
        let ids: Vec<_> = window.entries.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [1, 3, 4, 5, 6]);
        window.forget_all_done_but(&[]);
        assert_eq!(window.len(), 5);
    }
}
