//! The key by which a worker keeps a chat's updates in order.

use std::sync::Arc;

use crate::queue::reader::PartitionClaim;

/// A chat, and the claim on its partition. When a partition is claimed again, all of it is read again, under
/// other keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct QueuedChat {
    pub(super) claim: PartitionClaim,
    pub(super) key: Arc<str>,
}
