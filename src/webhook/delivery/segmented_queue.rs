//! A queue that never moves many items at once.

use std::collections::VecDeque;

/// How many items a segment has.
const SEGMENT: usize = 1024;

/// A `VecDeque` copies all of its items when it grows. This one copies the pointers to its segments.
#[derive(Debug)]
pub(super) struct SegmentedQueue<T> {
    /// None of them is empty.
    segments: VecDeque<VecDeque<T>>,
    len: usize,
}

impl<T> Default for SegmentedQueue<T> {
    fn default() -> Self {
        Self {
            segments: VecDeque::new(),
            len: 0,
        }
    }
}

impl<T> SegmentedQueue<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.segments.front()?.front()
    }

    pub(super) fn push_back(&mut self, item: T) {
        self.len += 1;
        match self.segments.back_mut() {
            Some(last) if last.len() < SEGMENT => last.push_back(item),
            _ => self.segments.push_back(VecDeque::from([item])),
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        let first = self.segments.front_mut()?;
        let item = first.pop_front()?;
        self.len -= 1;
        if first.is_empty() {
            self.segments.pop_front();
        }
        Some(item)
    }

    /// For how many items it has memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.segments.iter().map(VecDeque::capacity).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_leave_in_the_order_in_which_they_came() {
        let mut queue = SegmentedQueue::default();
        assert_eq!(queue.pop_front(), None);
        assert_eq!(queue.front(), None);
        let (mut next, mut expected) = (0, 0);
        for pushed in [1, SEGMENT, 5 * SEGMENT, 3] {
            for _ in 0..pushed {
                queue.push_back(next);
                next += 1;
            }
            for _ in 0..queue.len() / 2 {
                assert_eq!(queue.front(), Some(&expected));
                assert_eq!(queue.pop_front(), Some(expected));
                expected += 1;
            }
            assert_eq!(queue.len(), next - expected);
            assert!(queue.segments.iter().flatten().copied().eq(expected..next));
        }
        while let Some(item) = queue.pop_front() {
            assert_eq!(item, expected);
            expected += 1;
        }
        assert_eq!((expected, queue.len()), (next, 0));
    }

    #[test]
    fn d13_one_call_copies_few_items_however_many_there_are() {
        let mut queue = SegmentedQueue::default();
        for item in 0..100 * SEGMENT {
            queue.push_back(item);
        }
        let longest = queue.segments.iter().map(VecDeque::len).max();
        assert_eq!(longest, Some(SEGMENT));
        assert_eq!(queue.segments.len(), 100);
    }
}
