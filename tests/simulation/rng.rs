//! Random choices that depend only on a seed and on their subject.

use std::ops::Range;

/// The subject of a random choice.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    Update = 1,
    Attempt,
    Handler,
    Outcome,
    Blows,
    Store,
}

/// Dice of their own for each decision: however many others are made before, this one comes out the same.
#[derive(Debug)]
pub(crate) struct Dice(fastrand::Rng);

impl Dice {
    pub(crate) fn new(seed: u64, what: For, number: u64, turn: u64) -> Self {
        let mut mixed = 0xcbf2_9ce4_8422_2325_u64;
        for part in [seed, what as u64, number, turn] {
            mixed = (mixed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^= mixed >> 29;
        }
        Self(fastrand::Rng::with_seed(mixed))
    }

    pub(crate) fn chance(&mut self, likely: f64) -> bool {
        self.0.f64() < likely
    }

    pub(crate) fn between(&mut self, range: Range<f64>) -> f64 {
        range.start + self.0.f64() * (range.end - range.start)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// Waits of this length on average, as of what happens by chance.
    pub(crate) fn wait(&mut self, average: f64) -> f64 {
        -average * (1.0 - self.0.f64()).ln()
    }
}
