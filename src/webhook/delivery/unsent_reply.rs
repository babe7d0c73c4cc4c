//! A reply that a store keeps until the client has sent it.

use std::fmt;

use super::{backend::StoreBackend, store::DeliveryKey};
use crate::client::ErrorChain;

/// In the extensions of a response to polling, whose replies the client sends: the store keeps the reply, and gives it to
/// the next process if this one ends before it is sent.
#[derive(Clone)]
pub(crate) struct UnsentReply {
    store: StoreBackend,
    key: DeliveryKey,
}

impl UnsentReply {
    pub(super) fn new(store: &StoreBackend, key: DeliveryKey) -> Self {
        let store = store.clone();
        Self { store, key }
    }

    /// Has the store drop the reply, because it was sent.
    pub(crate) async fn sent(self) {
        if let Err(error) = self.store.forget_reply(self.key).await {
            let error = ErrorChain(&error);
            let update_id = self.key.update_id;
            tracing::warn!(%error, update_id, "failed to record that a reply was sent");
        }
    }
}

impl fmt::Debug for UnsentReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsentReply")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
