//! An entry of a partition, with the state of its attempts in this worker.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use super::ahead::EntryAhead;
use crate::runner::RunnerJob;

/// An entry of a partition. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct QueueEntry {
    pub(super) id: Arc<str>,
    state: Arc<EntryState>,
}

#[derive(Debug, Default)]
struct EntryState {
    attempt: AtomicU32,
    begun: AtomicU32,
    ahead: EntryAhead,
    /// The number of its update, once that was read.
    update_id: OnceLock<i64>,
}

impl RunnerJob for QueueEntry {
    fn log_panic(&self) {
        let (update_id, entry) = (self.update_id(), &*self.id);
        tracing::error!(update_id, entry, "attempt panicked outside its handler");
    }
}

impl QueueEntry {
    pub(super) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            state: Arc::default(),
        }
    }

    pub(super) fn ahead(&self) -> &EntryAhead {
        &self.state.ahead
    }

    pub(super) fn update_id(&self) -> Option<i64> {
        self.state.update_id.get().copied()
    }

    /// Its update was read.
    pub(super) fn set_update_id(&self, update_id: i64) {
        self.state.update_id.get_or_init(|| update_id);
    }

    /// The number of the attempt that runs, or 0.
    pub(super) fn attempt(&self) -> u32 {
        self.state.attempt.load(Ordering::Relaxed)
    }

    pub(super) fn set_attempt(&self, number: u32) {
        self.state.attempt.store(number, Ordering::Relaxed);
    }

    /// How many attempts were confirmed to this worker.
    pub(super) fn begun(&self) -> u32 {
        self.state.begun.load(Ordering::Relaxed)
    }

    /// One more was confirmed.
    pub(super) fn confirm_attempt(&self) {
        self.state.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether its attempt needs no round trip before it begins.
    pub(super) fn begins_at_once(&self) -> bool {
        self.ahead().begins_at_once()
    }
}
