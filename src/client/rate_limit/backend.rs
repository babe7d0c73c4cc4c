//! The store of a layer: this process' own, or one that replicas share.

use std::time::Duration;

use super::{
    memory::Memory,
    policy::{Chat, Limits},
    shared::Shared,
    store::Store,
};

/// The store of a layer.
#[derive(Debug)]
pub(super) enum Backend {
    Memory(Memory),
    Shared(Box<Shared>),
}

impl Backend {
    /// One of the same kind with other limits, and nothing sent yet.
    pub(super) fn with_limits(&self, limits: Limits) -> Self {
        match self {
            Self::Memory(_) => Self::Memory(Memory::new(limits)),
            Self::Shared(shared) => Self::Shared(Box::new(shared.with_limits(limits))),
        }
    }
}

impl Store for Backend {
    async fn shut_for(&self, scope: Option<&Chat>) -> Option<Duration> {
        match self {
            Self::Memory(memory) => memory.shut_for(scope).await,
            Self::Shared(shared) => shared.shut_for(scope).await,
        }
    }

    async fn take(&self, chat: Option<&Chat>) -> bool {
        match self {
            Self::Memory(memory) => memory.take(chat).await,
            Self::Shared(shared) => shared.take(chat).await,
        }
    }

    async fn pause(&self, scope: Option<&Chat>, time: Duration) {
        match self {
            Self::Memory(memory) => memory.pause(scope, time).await,
            Self::Shared(shared) => shared.pause(scope, time).await,
        }
    }
}
