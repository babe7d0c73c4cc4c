//! A set of update ids that forgets the oldest.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    segmented_queue::SegmentedQueue,
    sharded_map::{ShardKey, ShardedMap, number_of},
    store::DeliveryKey,
};

/// How many blocks one call removes at most. The rest waits for the next calls: an id that is too old doesn't count,
/// whether it was removed or not.
const MOST_REMOVED: usize = 64;

/// Telegram counts updates up one by one, so ids lie close together: 64 of them share an entry, and
/// a bit says which are in.
#[derive(Debug)]
pub(super) struct HandledIds {
    blocks: ShardedMap<BlockKey, Block>,
    /// In the order in which they began.
    order: SegmentedQueue<BlockKey>,
    len: usize,
    capacity: usize,
    retention: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct BlockKey {
    /// 0 where there is only one; an `Option` would be half as large again.
    bot: i64,
    number: i64,
}

impl ShardKey for BlockKey {
    fn to_number(self) -> u64 {
        number_of(self.bot, self.number)
    }
}

#[derive(Debug)]
struct Block {
    bits: u64,
    last: Instant,
}

impl HandledIds {
    pub(super) fn new(capacity: usize, retention: Duration) -> Self {
        Self {
            blocks: ShardedMap::for_entries(capacity),
            order: SegmentedQueue::default(),
            len: 0,
            capacity,
            retention,
        }
    }

    /// Looks at the clock only where an id is in.
    pub(super) fn contains(&self, key: DeliveryKey, now: impl FnOnce() -> Instant) -> bool {
        let (block, bit) = block_and_bit(key);
        self.blocks.shard(block).get(&block).is_some_and(|block| {
            block.bits & bit != 0 && now().duration_since(block.last) < self.retention
        })
    }

    pub(super) fn insert(&mut self, key: DeliveryKey, now: Instant) {
        let (place, bit) = block_and_bit(key);
        let blocks = self.blocks.shard_mut(place);
        let known = blocks.get_mut(&place);
        let is_new = known.is_none();
        if let Some(block) = known {
            self.len += usize::from(block.bits & bit == 0);
            block.bits |= bit;
            block.last = now;
        } else {
            let block = Block {
                bits: bit,
                last: now,
            };
            blocks.insert(place, block);
            self.order.push_back(place);
            self.len += 1;
        }
        // Age frees no memory that a new block wouldn't take, so that it can wait for one.
        if is_new || self.len > self.capacity {
            self.forget(now);
        }
    }

    /// The oldest go when there are too many, or when Telegram has no more use for them.
    fn forget(&mut self, now: Instant) {
        for _ in 0..MOST_REMOVED {
            let Some(&oldest) = self.order.front() else {
                return;
            };
            let blocks = self.blocks.shard_mut(oldest);
            let block = blocks.get(&oldest);
            let is_old = block.is_none_or(|block| now.duration_since(block.last) >= self.retention);
            // The newest block stays, however small the capacity is.
            let is_too_many = self.len > self.capacity && self.order.len() > 1;
            if !is_old && !is_too_many {
                return;
            }
            if let Some(block) = blocks.remove(&oldest) {
                self.len -= block.bits.count_ones() as usize;
            }
            self.order.pop_front();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

fn block_and_bit(key: DeliveryKey) -> (BlockKey, u64) {
    let block = BlockKey {
        bot: key.bot.map_or(0, |bot| bot.0),
        number: key.update_id >> 6,
    };
    (block, 1 << (key.update_id & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::BotId;

    fn key(update_id: i64) -> DeliveryKey {
        DeliveryKey::new(Some(BotId(1)), update_id)
    }

    #[tokio::test(start_paused = true)]
    async fn d13_ids_are_forgotten_when_they_are_too_many_or_too_old() {
        let hour = Duration::from_secs(3600);
        let mut seen = HandledIds::new(1000, hour);
        let now = Instant::now();
        for id in 0..5000 {
            seen.insert(key(id), now);
            seen.insert(key(id), now);
        }
        assert!(seen.len() <= 1000, "{}", seen.len());
        assert!(seen.contains(key(4999), || now) && seen.contains(key(4100), || now));
        assert!(!seen.contains(key(0), || now));
        assert!(!seen.contains(key(5000), || now));
        let later = now + hour;
        assert!(!seen.contains(key(4999), || later));
        seen.insert(key(9000), later);
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn d13_as_many_ids_are_kept_as_there_may_be() {
        let mut seen = HandledIds::new(128, Duration::from_secs(60));
        let now = Instant::now();
        for id in 0..128 {
            seen.insert(key(id), now);
        }
        assert!(seen.contains(key(0), || now) && seen.len() == 128);
        seen.insert(key(128), now);
        assert!(!seen.contains(key(0), || now) && seen.contains(key(64), || now));
        assert_eq!(seen.len(), 65);
    }

    #[tokio::test(start_paused = true)]
    async fn d13_one_call_removes_few_ids_however_many_are_too_old() {
        let day = Duration::from_secs(24 * 60 * 60);
        let mut seen = HandledIds::new(100_000, day);
        let now = Instant::now();
        for id in 0..100_000 {
            seen.insert(key(64 * id), now);
        }
        assert_eq!(seen.len(), 100_000);
        let later = now + day;
        for calls in 1..=100_000 / MOST_REMOVED {
            seen.insert(key(-64 * i64::try_from(calls).unwrap()), later);
            assert_eq!(seen.len(), 100_000 - calls * MOST_REMOVED + calls);
        }
        assert!(!seen.contains(key(64 * 99_999), || later));
        assert!(seen.contains(key(-64), || later));
    }

    #[test]
    fn the_newest_ids_are_kept_however_few_there_may_be() {
        let mut seen = HandledIds::new(1, Duration::from_secs(60));
        let now = Instant::now();
        for id in 64..67 {
            seen.insert(key(id), now);
            assert!(seen.contains(key(64), || now) && seen.contains(key(id), || now));
        }
    }

    #[test]
    fn bots_have_numbers_of_their_own() {
        let mut seen = HandledIds::new(10, Duration::from_secs(60));
        let now = Instant::now();
        seen.insert(key(7), now);
        let other = DeliveryKey {
            bot: Some(BotId(2)),
            update_id: 7,
        };
        assert!(!seen.contains(other, || now));
    }

    /// The target is 40 bytes an id where they come one after the other.
    #[test]
    fn d13_an_id_costs_a_few_bytes() {
        for ids in [100_000, 1_000_000] {
            let mut seen = HandledIds::new(1_000_000, Duration::from_secs(60));
            for id in 0..ids {
                seen.insert(key(id), Instant::now());
            }
            // A map's slot has a byte of its own, and at most 7 of 8 are taken after it has doubled.
            let slot = size_of::<BlockKey>() + size_of::<Block>() + 1;
            let order = seen.order.capacity() * size_of::<BlockKey>();
            let bytes = seen.blocks.capacity() * 8 / 7 * slot + order;
            assert!(bytes < 2 * seen.len(), "{bytes} bytes for {ids}");
        }
    }
}
