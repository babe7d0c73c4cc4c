//! The decision whether the client or a redelivery carries out the reply of an update that may be acknowledged before
//! its handler ends.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU8, Ordering},
};

use super::{
    delivery::{DeliveryKey, dead_letter::DeadLetterHook},
    detached_work::DetachedWork,
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
pub(crate) struct EarlyAck(Arc<AckState>);

#[derive(Debug, Default)]
struct AckState {
    decision: AtomicU8,
    /// Set when the request reaches the deliveries below.
    delivery: OnceLock<DeliveryBelow>,
}

/// The deliveries below the layer that acknowledges a request.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryBelow {
    pub(crate) key: DeliveryKey,
    /// A shutdown of the deliveries waits for this.
    pub(crate) work: Arc<DetachedWork>,
    pub(crate) dead_letter: Option<DeadLetterHook>,
}

impl EarlyAck {
    /// Acknowledges the request. `false` if that was forbidden before.
    pub(crate) fn acknowledge(&self) -> bool {
        self.decide(ACKNOWLEDGED)
    }

    /// Forbids to acknowledge the request. `false` if it was acknowledged before.
    pub(crate) fn forbid(&self) -> bool {
        self.decide(FORBIDDEN)
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.0.decision.load(Ordering::Acquire) == ACKNOWLEDGED
    }

    /// Says which deliveries the request has reached. The next attempts reach the same.
    pub(crate) fn reaches(&self, delivery: impl FnOnce() -> DeliveryBelow) {
        self.0.delivery.get_or_init(delivery);
    }

    pub(crate) fn delivery(&self) -> Option<&DeliveryBelow> {
        self.0.delivery.get()
    }

    fn decide(&self, on: u8) -> bool {
        let (before, after) = (Ordering::AcqRel, Ordering::Acquire);
        let decision = &self.0.decision;
        match decision.compare_exchange(UNDECIDED, on, before, after) {
            Ok(_) => true,
            Err(decided) => decided == on,
        }
    }
}
