//! The panic of a future that is polled after completion.

/// Panics, as tower-http's futures do. A future that stayed pending would hang its caller without an error.
#[cold]
#[allow(clippy::panic)]
#[track_caller]
pub(crate) fn polled_after_completion() -> ! {
    panic!("polled after completion")
}
