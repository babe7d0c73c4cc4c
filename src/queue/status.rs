//! How much a queue has.

/// The contents of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatus {
    /// How many updates wait or are being handled.
    pub updates: usize,
    /// How many dead letters there are, including those that are no updates.
    pub dead_letters: usize,
    /// How many workers are alive.
    pub workers: usize,
}
