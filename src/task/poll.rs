//! What a future does that is polled after it was done.

/// Panics, as tower-http's futures do: a future that stayed pending would hang its caller without a word.
#[cold]
#[allow(clippy::panic)]
#[track_caller]
pub(crate) fn polled_after_completion() -> ! {
    panic!("polled after completion")
}
