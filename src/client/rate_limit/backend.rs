//! The store of a layer: this process' own, or one that replicas share.

use std::time::Duration;

use super::{
    memory::LocalStore,
    policy::{ChatScope, RateLimits},
    shared::SharedStore,
    store::Store,
};

/// The store of a layer.
#[derive(Debug)]
pub(super) enum LimitStore {
    LocalStore(LocalStore),
    SharedStore(Box<SharedStore>),
}

impl LimitStore {
    /// One of the same kind with other limits, and nothing sent yet.
    pub(super) fn with_limits(&self, limits: RateLimits) -> Self {
        match self {
            Self::LocalStore(_) => Self::LocalStore(LocalStore::new(limits)),
            Self::SharedStore(shared) => Self::SharedStore(Box::new(shared.with_limits(limits))),
        }
    }
}

impl Store for LimitStore {
    async fn shut_for(&self, scope: Option<&ChatScope>) -> Option<Duration> {
        match self {
            Self::LocalStore(memory) => memory.shut_for(scope).await,
            Self::SharedStore(shared) => shared.shut_for(scope).await,
        }
    }

    async fn take(&self, chat: Option<&ChatScope>) -> bool {
        match self {
            Self::LocalStore(memory) => memory.take(chat).await,
            Self::SharedStore(shared) => shared.take(chat).await,
        }
    }

    async fn pause(&self, scope: Option<&ChatScope>, time: Duration) {
        match self {
            Self::LocalStore(memory) => memory.pause(scope, time).await,
            Self::SharedStore(shared) => shared.pause(scope, time).await,
        }
    }
}
