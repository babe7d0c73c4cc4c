//! A hash map that never moves many entries at once.

use std::hash::Hash;

use crate::task::shrinking_map::ShrinkingMap;

/// How many entries a shard has on average when the map is full. A shard that grows or shrinks moves all of its entries: so
/// many take about a millisecond, in which no other update is claimed.
const SHARD_ENTRIES: usize = 1 << 14;

/// The most shards, which hold 64 million entries before they get larger.
const MOST_SHARDS: usize = 1 << 12;

/// A key of a [`ShardedMap`].
pub(super) trait ShardKey: Copy + Eq + Hash {
    /// A number from which the shard is computed. Keys that differ should mostly have different numbers.
    fn to_number(self) -> u64;
}

/// The number of a key with a bot and a number.
pub(super) fn number_of(bot: i64, number: i64) -> u64 {
    bot.rotate_left(32).wrapping_add(number).cast_unsigned()
}

/// A single map moves all of its entries when it grows. Here only one shard does.
#[derive(Debug)]
pub(super) struct ShardedMap<K, V> {
    /// Two to the power of `bits`.
    shards: Box<[ShrinkingMap<K, V>]>,
    bits: u32,
}

impl<K: ShardKey, V> ShardedMap<K, V> {
    /// A map for about `most` entries. If there are more, the shards grow.
    pub(super) fn for_entries(most: usize) -> Self {
        let shards = most.div_ceil(SHARD_ENTRIES).clamp(1, MOST_SHARDS);
        let shards = shards.next_power_of_two();
        Self {
            shards: (0..shards).map(|_| ShrinkingMap::default()).collect(),
            bits: shards.ilog2(),
        }
    }

    #[inline]
    pub(super) fn shard(&self, key: K) -> &ShrinkingMap<K, V> {
        &self.shards[self.number(key)]
    }

    #[inline]
    pub(super) fn shard_mut(&mut self, key: K) -> &mut ShrinkingMap<K, V> {
        let number = self.number(key);
        &mut self.shards[number]
    }

    /// Keys that follow each other, or lie a power of two apart, are spread too. No seed is needed, because the shards
    /// have their own.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the number of shards is smaller
    fn number(&self, key: K) -> usize {
        let mixed = key.to_number().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32 >> (32 - self.bits)) as usize
    }
}

#[cfg(test)]
impl<K: ShardKey, V> ShardedMap<K, V> {
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(ShrinkingMap::len).sum()
    }

    pub(super) fn capacity(&self) -> usize {
        self.shards.iter().map(ShrinkingMap::capacity).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl ShardKey for u64 {
        fn to_number(self) -> u64 {
            self
        }
    }

    const ENTRIES: u64 = 200_000;

    /// Calls `change` for each of many keys, and returns the most entries that a single call moved to a table of
    /// another size.
    fn most_moved(
        map: &mut ShardedMap<u64, ()>,
        key: impl Fn(u64) -> u64,
        change: fn(&mut ShrinkingMap<u64, ()>, u64),
    ) -> usize {
        let mut most = 0;
        for key in (0..ENTRIES).map(key) {
            let shard = map.shard_mut(key);
            let before = (shard.len(), shard.capacity());
            change(shard, key);
            if shard.capacity() != before.1 {
                most = most.max(before.0);
            }
        }
        most
    }

    #[test]
    fn d13_one_call_moves_few_entries_however_many_there_are() {
        for distance in [1, 64, 1 << 20, 1_000_003] {
            let key = |n: u64| n.wrapping_mul(distance);
            let entries = usize::try_from(ENTRIES).unwrap();
            let mut map = ShardedMap::for_entries(entries);
            let growing = most_moved(&mut map, key, |shard, key| shard.insert(key, ()));
            assert_eq!(map.len(), entries);
            let shrinking = most_moved(&mut map, key, |shard, key| {
                shard.remove(&key);
            });
            assert_eq!(map.len(), 0);
            for moved in [growing, shrinking] {
                let most = 2 * SHARD_ENTRIES;
                assert!((1..=most).contains(&moved), "{moved}, {distance} apart");
            }
        }
    }
}
