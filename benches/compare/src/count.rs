//! Where callgrind begins and ends to count. It is told these functions' names.

use std::hint::black_box;

/// Only what runs in here is counted, and each time apart.
#[inline(never)]
pub fn counted<T>(work: impl FnOnce() -> T) -> T {
    // Not a tail call, as the count would end with this function.
    black_box(work())
}

/// Ends a count and begins the next, in a program that has to go on meanwhile.
#[inline(never)]
pub fn mark() {
    black_box(());
}
