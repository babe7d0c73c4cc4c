//! The decision whether the client or a redelivery carries out the reply of an update that may be acknowledged before
//! its handler ends.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

const UNDECIDED: u8 = 0;
const ACKNOWLEDGED: u8 = 1;
const FORBIDDEN: u8 = 2;

/// In the extensions of a request that `DeadlineLayer::ack_after` may acknowledge.
///
/// Either the request is acknowledged, and the client sends the reply; or a store keeps the reply for
/// redeliveries, and the request isn't acknowledged any more. Both together would execute the reply twice, so the
/// first decision stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct EarlyAck(Arc<AtomicU8>);

impl EarlyAck {
    /// Acknowledges the request. `false` if that was forbidden before.
    pub(crate) fn acknowledge(&self) -> bool {
        self.decide(ACKNOWLEDGED)
    }

    /// Forbids to acknowledge the request. `false` if it was acknowledged before.
    pub(crate) fn forbid(&self) -> bool {
        self.decide(FORBIDDEN)
    }

    fn decide(&self, on: u8) -> bool {
        let (before, after) = (Ordering::AcqRel, Ordering::Acquire);
        match self.0.compare_exchange(UNDECIDED, on, before, after) {
            Ok(_) => true,
            Err(decided) => decided == on,
        }
    }
}
