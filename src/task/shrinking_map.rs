//! A hash map that releases the memory of a rush.

use std::{borrow::Borrow, collections::hash_map, hash::Hash};

/// The keys are ids of updates, chats and users, from requests with the secret token. A fast hash with a random seed for
/// each map is enough for them; that of the standard library would take several per cent of a request's instructions.
type HashMap<K, V> = hash_map::HashMap<K, V, foldhash::fast::RandomState>;

/// A `HashMap` that shrinks once less than an eighth of its capacity is in use.
#[derive(Debug)]
pub(crate) struct ShrinkingMap<K, V>(HashMap<K, V>);

impl<K, V> Default for ShrinkingMap<K, V> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K, V> ShrinkingMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values()
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.values_mut()
    }

    pub(crate) fn into_keys(self) -> impl Iterator<Item = K> {
        self.0.into_keys()
    }

    /// The number of entries that fit without another allocation.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<K: Eq + Hash, V> ShrinkingMap<K, V> {
    #[inline]
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.get(key)
    }

    #[inline]
    pub(crate) fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.0.insert(key, value);
    }

    /// The place of a key, which is looked up once.
    #[inline]
    pub(crate) fn entry(&mut self, key: K) -> hash_map::Entry<'_, K, V> {
        self.0.entry(key)
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.0.remove(key);
        self.shrink();
        removed
    }

    /// Removes the entry if it meets the condition.
    #[inline]
    pub(crate) fn remove_if(
        &mut self,
        key: &K,
        condition: impl FnOnce(&mut V) -> bool,
    ) -> Option<V> {
        if self.0.get_mut(key).is_some_and(condition) {
            return self.remove(key);
        }
        None
    }

    /// The same for a key that costs nothing to copy, with one lookup where `remove_if` needs two.
    #[inline]
    pub(crate) fn remove_copied_if(
        &mut self,
        key: K,
        condition: impl FnOnce(&mut V) -> bool,
    ) -> Option<V> {
        let hash_map::Entry::Occupied(mut entry) = self.0.entry(key) else {
            return None;
        };
        if !condition(entry.get_mut()) {
            return None;
        }
        let removed = entry.remove();
        self.shrink();
        Some(removed)
    }

    #[inline]
    fn shrink(&mut self) {
        let capacity = self.0.capacity();
        if capacity > 1024 && self.0.len() < capacity / 8 {
            self.0.shrink_to(2 * self.0.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_entry_that_meets_the_condition_is_removed() {
        let mut map = ShrinkingMap::default();
        map.insert(1, "one");
        assert_eq!(map.remove_if(&1, |_| false), None);
        assert_eq!(map.remove_if(&2, |_| true), None);
        assert_eq!(map.remove_if(&1, |value| *value == "one"), Some("one"));
        map.insert(1, "one");
        assert_eq!(map.remove_copied_if(1, |_| false), None);
        assert_eq!(map.remove_copied_if(2, |_| true), None);
        let one = map.remove_copied_if(1, |value| *value == "one");
        assert_eq!(one, Some("one"));
        assert!(map.is_empty());
    }

    /// The capacity before and after all but `left` of so many entries are removed.
    fn room(entries: usize, left: usize) -> (usize, usize) {
        let mut map = ShrinkingMap::default();
        for key in 0..entries {
            map.insert(key, ());
        }
        let before = map.capacity();
        for key in left..entries {
            map.remove(&key);
        }
        assert_eq!(map.len(), left);
        (before, map.capacity())
    }

    // Without shrinking, the map's capacity counts each entry that was removed as room or not, by where its hash put it.

    #[test]
    fn the_memory_of_a_rush_is_released_once_less_than_an_eighth_is_in_use() {
        let (full, after) = room(10_000, 2_000);
        assert!(after >= full - 8_000, "{full} {after}");
        let (full, after) = room(10_000, 1_000);
        assert!((1_000..full / 2).contains(&after), "{full} {after}");
    }

    #[test]
    fn a_small_map_does_not_shrink() {
        let (full, after) = room(500, 1);
        assert!(full < 1024 && after >= full - 499, "{full} {after}");
    }
}
