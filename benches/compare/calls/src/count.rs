//! The functions by whose names callgrind starts and stops counting.

use std::hint::black_box;

/// Runs the work that is counted, each call separately.
#[inline(never)]
pub fn counted<T>(work: impl FnOnce() -> T) -> T {
    // Not a tail call, because the count would then end at the start of this function.
    black_box(work())
}

/// Ends one count and begins the next, in a program that keeps running.
#[inline(never)]
pub fn mark() {
    black_box(());
}
