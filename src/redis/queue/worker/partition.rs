//! How far a worker has read a partition that it holds.

use std::time::Duration;

use tokio::time::Instant;

/// How many entries of a partition a worker remembers, by their ids alone. A chat behind which more wait
/// holds up its partition.
const MOST: usize = 4096;

/// How many entries are asked for at once.
const BATCH: usize = 100;

/// The pause after a partition couldn't be read. Others go on.
const READ_PAUSE: Duration = Duration::from_secs(5);

/// A partition that was claimed.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) fence: u64,
    /// Nothing is begun in it any more, and it is given back when nothing runs in it.
    pub(super) leaving: bool,
    /// The last entry that was read.
    last: Box<str>,
    /// Whether there may be entries behind it that were given out before: to another worker, or with an
    /// answer that got lost.
    begun: bool,
    /// How many were read and aren't done.
    waiting: usize,
    unreadable_until: Option<Instant>,
}

impl Partition {
    pub(super) fn new(fence: u64) -> Self {
        Self {
            fence,
            leaving: false,
            last: "0".into(),
            begun: true,
            waiting: 0,
            unreadable_until: None,
        }
    }

    /// Where to read on, as Redis names it.
    pub(super) fn cursor(&self) -> &str {
        if self.begun { &self.last } else { ">" }
    }

    /// How many entries are to be asked for.
    pub(super) fn wants(&self) -> usize {
        let is_unreadable = self
            .unreadable_until
            .is_some_and(|end| Instant::now() < end);
        if self.leaving || is_unreadable {
            return 0;
        }
        MOST.saturating_sub(self.waiting).min(BATCH)
    }

    /// It was read up to this entry, or there was none.
    pub(super) fn read_to(&mut self, last: &str) {
        self.unreadable_until = None;
        if last.is_empty() {
            self.begun = false;
        } else {
            self.last = last.into();
        }
    }

    /// An answer got lost, and nobody knows whether entries were given out with it.
    pub(super) fn read_again(&mut self) {
        self.begun = true;
    }

    /// It couldn't be read, and others could.
    pub(super) fn read_failed(&mut self) {
        self.read_again();
        self.unreadable_until = Some(Instant::now() + READ_PAUSE);
    }

    /// An entry was read.
    pub(super) fn add(&mut self) {
        self.waiting += 1;
    }

    /// An entry is done.
    pub(super) fn finish(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// How much there is to do in it.
    pub(super) fn load(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_read_before_what_is_new() {
        let mut partition = Partition::new(1);
        assert_eq!(partition.cursor(), "0");
        partition.read_to("5-0");
        assert_eq!(partition.cursor(), "5-0");
        partition.read_to("");
        assert_eq!(partition.cursor(), ">");
        partition.read_to("6-0");
        assert_eq!(partition.cursor(), ">");
        partition.read_again();
        assert_eq!(partition.cursor(), "6-0");
    }

    #[test]
    fn only_so_much_is_remembered() {
        let mut partition = Partition::new(1);
        assert_eq!(partition.wants(), BATCH);
        for _ in 0..MOST {
            partition.add();
        }
        assert_eq!((partition.wants(), partition.load()), (0, MOST));
        partition.finish();
        assert_eq!(partition.wants(), 1);
        partition.leaving = true;
        assert_eq!(partition.wants(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_cannot_be_read_is_left_alone_for_a_while() {
        let mut partition = Partition::new(1);
        partition.read_failed();
        assert_eq!(partition.wants(), 0);
        tokio::time::advance(READ_PAUSE).await;
        assert_eq!(partition.wants(), BATCH);
    }
}
