//! How far a worker has read a partition.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::queue::reader::PartitionClaim;

/// How many entries of a partition a worker has at once, by their ids and chats alone. A chat that has more
/// waiting holds up its partition.
const MOST: usize = 4096;

/// For how many entries at least there must be room, so that not every update that is done makes a call.
const ROOM: usize = 128;

/// The pause after a partition couldn't be read. Other partitions go on.
const READ_PAUSE: Duration = Duration::from_secs(5);

/// A partition that was claimed.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) claim: PartitionClaim,
    /// No attempt begins in it any more, and it is given back when none runs.
    pub(super) leaving: bool,
    /// The last entry that was read.
    last: Option<Arc<str>>,
    unread: Unread,
    /// How many were read and aren't done.
    waiting: usize,
    unreadable_until: Option<Instant>,
}

/// Whether there may be entries that weren't read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    None,
    Maybe,
    /// An update was added while the partition was being read, perhaps behind the entries of the answer.
    Added,
}

impl Partition {
    pub(super) fn new(claim: PartitionClaim) -> Self {
        Self {
            claim,
            leaving: false,
            last: None,
            unread: Unread::Maybe,
            waiting: 0,
            unreadable_until: None,
        }
    }

    /// The last entry that was read.
    pub(super) fn last(&self) -> Option<Arc<str>> {
        self.last.clone()
    }

    /// How many entries there is room for; 0 if none are to be read now.
    pub(super) fn wants(&self) -> usize {
        let room = MOST.saturating_sub(self.waiting);
        if self.leaving || self.unread == Unread::None || room < ROOM {
            return 0;
        }
        let is_unreadable = |end| Instant::now() < end;
        if self.unreadable_until.is_some_and(is_unreadable) {
            return 0;
        }
        room
    }

    /// Entries may have been added.
    pub(super) fn added(&mut self) {
        self.unread = Unread::Added;
    }

    /// A call that reads it starts.
    pub(super) fn read_starts(&mut self) {
        self.unread = Unread::Maybe;
    }

    /// It was read up to this entry, if there was one. `is_end` if it had no more then.
    pub(super) fn read_to(&mut self, last: Option<Arc<str>>, is_end: bool) {
        let is_all = is_end && self.unread != Unread::Added;
        self.unread = if is_all { Unread::None } else { Unread::Maybe };
        self.unreadable_until = None;
        if last.is_some() {
            self.last = last;
        }
    }

    /// An answer was lost.
    pub(super) fn read_again(&mut self) {
        self.unread = Unread::Maybe;
    }

    /// It couldn't be read, unlike others.
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

    /// How many updates wait in it.
    pub(super) fn load(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> Partition {
        Partition::new(PartitionClaim::new(0, 1))
    }

    fn id(text: &str) -> Arc<str> {
        text.into()
    }

    #[test]
    fn it_is_read_behind_the_last_entry_of_the_last_answer() {
        let mut partition = partition();
        assert_eq!(partition.last(), None);
        partition.read_to(Some(id("5-0")), false);
        partition.read_to(None, true);
        assert_eq!(partition.last(), Some(id("5-0")));
        partition.read_again();
        assert_eq!(partition.last(), Some(id("5-0")));
        // An engine that has begun anew.
        partition.read_to(Some(id("1-0")), true);
        assert_eq!(partition.last(), Some(id("1-0")));
    }

    #[test]
    fn a_worker_has_a_bounded_number_of_entries() {
        let mut partition = partition();
        assert_eq!(partition.wants(), MOST);
        for _ in 0..MOST {
            partition.add();
        }
        assert_eq!((partition.wants(), partition.load()), (0, MOST));
        for _ in 1..ROOM {
            partition.finish();
        }
        assert_eq!(partition.wants(), 0, "one update makes no call");
        partition.finish();
        assert_eq!(partition.wants(), ROOM);
        partition.leaving = true;
        assert_eq!(partition.wants(), 0);
    }

    /// The message may arrive before the answer.
    #[test]
    fn d32_an_update_that_is_added_during_a_read_is_read_next() {
        let mut partition = partition();
        partition.read_starts();
        partition.read_to(Some(id("5-0")), true);
        assert_eq!(partition.wants(), 0, "it was read to its end");
        partition.added();
        assert_eq!(partition.wants(), MOST);
        partition.read_starts();
        partition.added();
        partition.read_to(Some(id("6-0")), true);
        assert_eq!(partition.wants(), MOST);
        partition.read_starts();
        partition.read_to(None, true);
        assert_eq!(partition.wants(), 0);
        partition.read_again();
        assert_eq!(partition.wants(), MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_partition_that_cannot_be_read_pauses() {
        let mut partition = partition();
        partition.read_failed();
        assert_eq!(partition.wants(), 0);
        tokio::time::advance(READ_PAUSE).await;
        assert_eq!(partition.wants(), MOST);
    }
}
