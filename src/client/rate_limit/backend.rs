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
    Local(LocalStore),
    Shared(Box<SharedStore>),
}

impl LimitStore {
    /// One of the same kind with other limits, and nothing sent yet.
    pub(super) fn with_limits(&self, limits: RateLimits) -> Self {
        match self {
            Self::Local(_) => Self::Local(LocalStore::new(limits)),
            Self::Shared(shared) => Self::Shared(Box::new(shared.with_limits(limits))),
        }
    }
}

impl Store for LimitStore {
    async fn shut_for(&self, scope: Option<&ChatScope>) -> Option<Duration> {
        match self {
            Self::Local(memory) => memory.shut_for(scope).await,
            Self::Shared(shared) => shared.shut_for(scope).await,
        }
    }

    async fn take(&self, chat: Option<&ChatScope>) -> bool {
        match self {
            Self::Local(memory) => memory.take(chat).await,
            Self::Shared(shared) => shared.take(chat).await,
        }
    }

    async fn pause(&self, scope: Option<&ChatScope>, time: Duration) {
        match self {
            Self::Local(memory) => memory.pause(scope, time).await,
            Self::Shared(shared) => shared.pause(scope, time).await,
        }
    }
}
