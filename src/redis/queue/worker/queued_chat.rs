//! By what the updates of a chat are in line.

use std::sync::Arc;

/// A chat, and the claim on its partition. Claimed anew, a partition has other keys, as all of it is read again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct QueuedChat {
    pub(super) partition: u16,
    pub(super) fence: u64,
    pub(super) lane: Arc<str>,
}
