//! Random numbers for jitter and names. They aren't for cryptography.

use std::hash::{BuildHasher as _, RandomState};

/// Returns a random number of the operating system, or if that fails, one from the hash keys of the standard library.
pub(crate) fn random_u64() -> u64 {
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(0_u8))
}

/// Returns a random fraction of at least 0 and less than 1.
#[cfg(feature = "tokio")]
pub(crate) fn random_fraction() -> f64 {
    let sixteen_bits = u16::try_from(random_u64() >> 48).unwrap_or(0);
    f64::from(sixteen_bits) / 65536.0
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_and_fractions_are_below_one() {
        assert_ne!(random_u64(), random_u64());
        for _ in 0..1000 {
            assert!((0.0..1.0).contains(&random_fraction()));
        }
    }
}
