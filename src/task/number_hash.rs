//! Maps whose keys are numbers.
//!
//! The standard library's hash takes a hundred instructions for a number, and an update passes several
//! maps. The numbers are Telegram's (updates, chats, users), and come from whoever has the secret; so
//! it is enough that nobody can tell from outside which of them collide, and for that each map has
//! seeds of its own.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
};

pub(crate) type NumberMap<K, V> = HashMap<K, V, NumberState>;

/// The seeds of one map.
#[derive(Clone, Copy)]
pub(crate) struct NumberState {
    start: u64,
    /// Odd, so that no number is lost in the product.
    factor: u64,
}

impl Default for NumberState {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            start: random.hash_one(0_u8),
            factor: random.hash_one(1_u8) | 1,
        }
    }
}

/// The seeds would tell which numbers collide.
impl std::fmt::Debug for NumberState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NumberState")
    }
}

impl BuildHasher for NumberState {
    type Hasher = NumberHasher;

    #[inline]
    fn build_hasher(&self) -> NumberHasher {
        NumberHasher {
            state: self.start,
            factor: self.factor,
        }
    }
}

/// Multiplies, and folds the product's upper half on its lower one.
pub(crate) struct NumberHasher {
    state: u64,
    factor: u64,
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    // Each is meant to be cut.
    #[allow(clippy::cast_possible_truncation)]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

impl Hasher for NumberHasher {
    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.state = fold(self.state ^ number, self.factor);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    /// Keys may be texts, too.
    fn write(&mut self, bytes: &[u8]) {
        for eight in bytes.chunks(8) {
            let mut number = [0; 8];
            number[..eight.len()].copy_from_slice(eight);
            self.write_u64(u64::from_le_bytes(number));
        }
        self.write_usize(bytes.len());
    }

    /// Once more, as the seed may have few bits that count. The other factor is the golden ratio's.
    #[inline]
    fn finish(&self) -> u64 {
        fold(self.state, 0x9e37_79b9_7f4a_7c15)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A table takes its place from the lowest bits, and tells its entries apart by the highest.
    #[test]
    fn numbers_in_a_row_and_far_apart_are_spread() {
        for step in [1, 2, 64, 1 << 20, 1 << 32, 1 << 48] {
            let state = NumberState::default();
            let hashes = (0..4096_u64).map(|n| state.hash_one((7_i64, n * step)));
            let (mut low, mut high) = (HashSet::new(), HashSet::new());
            for hash in hashes {
                low.insert(hash & 4095);
                high.insert(hash >> 52);
            }
            // Thrown at random, 63 % of the places are hit.
            assert!(low.len() > 2000, "{} places, step {step}", low.len());
            assert!(high.len() > 2000, "{} tags, step {step}", high.len());
        }
    }

    #[test]
    fn texts_differ_by_their_ends_and_lengths() {
        let state = NumberState::default();
        let texts = [
            "",
            "\0",
            "\0\0",
            "a",
            "aaaaaaaa",
            "aaaaaaaaa",
            "aaaaaaaaa\0",
        ];
        let hashes: HashSet<_> = texts.iter().map(|text| state.hash_one(text)).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn another_map_has_other_collisions() {
        let (one, other) = (NumberState::default(), NumberState::default());
        assert_ne!(one.hash_one(1_i64), other.hash_one(1_i64));
        assert_eq!(one.hash_one(1_i64), one.hash_one(1_i64));
    }
}
