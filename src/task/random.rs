//! Randomness where it needn't be proof against anything but a bad day: jitter and names.

use std::hash::{BuildHasher as _, RandomState};

/// A random number, from the operating system. Should that have none to give, from the standard library's
/// hash keys.
pub(crate) fn random_u64() -> u64 {
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(0_u8))
}

/// A random fraction, 0 included and 1 not.
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
