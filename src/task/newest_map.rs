//! A map that has its newest entry at hand.

use std::hash::Hash;

use crate::task::number_hash::NumberMap;

/// A map that is mostly asked for what came last: an update that runs alone, or the numbers that are
/// counted now. That entry stands beside the table, and takes no step in it.
#[derive(Debug)]
pub(crate) struct NewestMap<K, V> {
    newest: Option<(K, V)>,
    others: NumberMap<K, V>,
}

impl<K, V> Default for NewestMap<K, V> {
    fn default() -> Self {
        Self {
            newest: None,
            others: NumberMap::default(),
        }
    }
}

impl<K, V> NewestMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        usize::from(self.newest.is_some()) + self.others.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.newest.is_none() && self.others.is_empty()
    }

    /// How many entries there is room for.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.others.capacity()
    }
}

impl<K: Eq + Hash, V> NewestMap<K, V> {
    #[inline]
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match &self.newest {
            Some((newest, value)) if newest == key => Some(value),
            _ => self.others.get(key),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.newest {
            Some((newest, value)) if newest == key => Some(value),
            _ => self.others.get_mut(key),
        }
    }

    /// The key isn't there yet.
    #[inline]
    pub(crate) fn insert_new(&mut self, key: K, value: V) {
        if let Some((key, value)) = self.newest.replace((key, value)) {
            self.others.insert(key, value);
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.remove_if(key, |_| true)
    }

    #[inline]
    pub(crate) fn remove_if(
        &mut self,
        key: &K,
        condition: impl FnOnce(&mut V) -> bool,
    ) -> Option<V> {
        match &mut self.newest {
            Some((newest, value)) if newest == key => {
                if !condition(value) {
                    return None;
                }
                self.newest.take().map(|(_, value)| value)
            }
            _ if self.others.is_empty() => None,
            _ if self.others.get_mut(key).is_some_and(condition) => self.others.remove(key),
            _ => None,
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        let newest = self.newest.iter().map(|(_, value)| value);
        newest.chain(self.others.values())
    }

    pub(crate) fn into_keys(self) -> impl Iterator<Item = K> {
        let newest = self.newest.map(|(key, _)| key);
        newest.into_iter().chain(self.others.into_keys())
    }

    /// A rush shouldn't cost its memory for ever.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        let others = &mut self.others;
        if others.capacity() > 1024 && others.len() < others.capacity() / 8 {
            others.shrink_to(2 * others.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> NewestMap<i64, &'static str> {
        let mut map = NewestMap::default();
        for (key, value) in [(1, "one"), (2, "two"), (3, "three")] {
            map.insert_new(key, value);
        }
        map
    }

    #[test]
    fn the_newest_entry_is_one_like_the_others() {
        let mut map = three();
        assert_eq!(map.len(), 3);
        for (key, value) in [(1, "one"), (2, "two"), (3, "three")] {
            assert_eq!(map.get(&key), Some(&value));
            assert_eq!(map.get_mut(&key).copied(), Some(value));
        }
        assert!(map.get(&4).is_none() && map.get_mut(&4).is_none());
        let mut values: Vec<_> = map.values().copied().collect();
        values.sort_unstable();
        assert_eq!(values, ["one", "three", "two"]);
        let mut keys: Vec<_> = map.into_keys().collect();
        keys.sort_unstable();
        assert_eq!(keys, [1, 2, 3]);
    }

    #[test]
    fn what_is_removed_is_gone_wherever_it_stood() {
        let mut map = three();
        for key in [3, 1] {
            assert_eq!(map.remove_if(&key, |_| false), None);
            assert!(map.get(&key).is_some());
            assert!(map.remove(&key).is_some());
            assert_eq!(map.remove(&key), None);
            assert_eq!(map.get(&key), None);
        }
        assert!(map.len() == 1 && !map.is_empty());
        map.insert_new(3, "again");
        assert_eq!(
            (map.remove(&2), map.remove(&3)),
            (Some("two"), Some("again"))
        );
        assert!(map.is_empty() && map.remove(&3).is_none());
    }

    /// The room that there is before and after it is given back, with so many left of so many.
    fn room(entries: usize, left: usize) -> (usize, usize) {
        let mut map = NewestMap::default();
        for key in 0..=entries {
            map.insert_new(key, ());
        }
        // The newest entry isn't in the table.
        map.remove(&entries);
        for key in left..entries {
            map.remove(&key);
        }
        let before = map.capacity();
        map.give_back();
        (before, map.capacity())
    }

    #[test]
    fn the_room_of_a_rush_is_given_back_once_less_than_an_eighth_is_in_use() {
        let (full, after) = room(10_000, 2_000);
        assert_eq!(full, after);
        let (full, after) = room(10_000, 1_000);
        assert!((2_000..full / 2).contains(&after), "{full} {after}");
    }

    #[test]
    fn little_room_is_kept() {
        let (full, after) = room(500, 1);
        assert!(full < 1024 && full == after, "{full} {after}");
    }
}
