//! What a worker knows of a partition that is its own.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::task::AbortHandle;

/// How many entries of a partition a worker remembers, by their ids alone. A chat behind which more wait
/// holds up its partition.
const MOST: usize = 4096;

/// How many entries are asked for at once.
const BATCH: usize = 100;

/// A partition that was claimed. Dropped, it cuts off what runs in it.
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
    lanes: HashMap<Arc<str>, Lane>,
    waiting: usize,
}

/// The entries of a chat, the first of which may be under way.
#[derive(Debug, Default)]
struct Lane {
    ids: VecDeque<Box<str>>,
    running: Option<AbortHandle>,
}

impl Partition {
    pub(super) fn new(fence: u64) -> Self {
        Self {
            fence,
            leaving: false,
            last: "0".into(),
            begun: true,
            lanes: HashMap::new(),
            waiting: 0,
        }
    }

    /// Where to read on, as Redis names it.
    pub(super) fn cursor(&self) -> &str {
        if self.begun { &self.last } else { ">" }
    }

    /// How many entries are to be asked for.
    pub(super) fn wants(&self) -> usize {
        let room = MOST.saturating_sub(self.waiting);
        if self.leaving { 0 } else { room.min(BATCH) }
    }

    /// It was read up to this entry, or there was none.
    pub(super) fn read_to(&mut self, last: &str) {
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

    /// Takes an entry down. The lane, if it was idle.
    pub(super) fn add(&mut self, id: Box<str>, lane: &str) -> Option<Arc<str>> {
        self.waiting += 1;
        if let Some(known) = self.lanes.get_mut(lane) {
            known.ids.push_back(id);
            return None;
        }
        let name: Arc<str> = lane.into();
        let ids = VecDeque::from([id]);
        let lane = Lane { ids, running: None };
        self.lanes.insert(Arc::clone(&name), lane);
        Some(name)
    }

    /// The first entry of a lane.
    pub(super) fn first(&self, lane: &str) -> Option<&str> {
        self.lanes.get(lane)?.ids.front().map(|id| &**id)
    }

    pub(super) fn begin(&mut self, lane: &str, running: AbortHandle) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.running = Some(running);
        }
    }

    /// The first entry of a lane isn't under way any more. It is done, or will be tried again.
    pub(super) fn pause(&mut self, lane: &str) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.running = None;
        }
    }

    /// The first entry of a lane is done. Whether there is another.
    pub(super) fn finish(&mut self, lane: &str) -> bool {
        self.pause(lane);
        let Some(known) = self.lanes.get_mut(lane) else {
            return false;
        };
        if known.ids.pop_front().is_some() {
            self.waiting -= 1;
        }
        let more = !known.ids.is_empty();
        if !more {
            self.lanes.remove(lane);
        }
        more
    }

    /// All that ran in it was cut off.
    pub(super) fn stop(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.running = None;
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lanes.values().all(|lane| lane.running.is_none())
    }

    /// How much there is to do in it.
    pub(super) fn load(&self) -> usize {
        self.waiting
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        for lane in self.lanes.values() {
            if let Some(running) = &lane.running {
                running.abort();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_ready_once_and_has_its_entries_in_their_order() {
        let mut partition = Partition::new(1);
        let lane = partition.add("1-0".into(), "a").unwrap();
        assert!(partition.add("2-0".into(), "a").is_none());
        assert!(partition.add("3-0".into(), "b").is_some());
        assert_eq!(partition.first(&lane), Some("1-0"));
        assert!(partition.finish(&lane));
        assert_eq!(partition.first(&lane), Some("2-0"));
        assert!(!partition.finish(&lane));
        assert_eq!(partition.first(&lane), None);
        assert!(partition.add("4-0".into(), "a").is_some());
        assert_eq!(partition.load(), 2);
    }

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
        for id in 0..MOST {
            partition.add(format!("{id}-0").into(), "a");
        }
        assert_eq!(partition.wants(), 0);
        partition.finish("a");
        assert_eq!(partition.wants(), 1);
        partition.leaving = true;
        assert_eq!(partition.wants(), 0);
    }
}
