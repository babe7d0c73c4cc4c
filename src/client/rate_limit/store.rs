//! Where it is kept what was sent when.

use std::{future::Future, time::Duration};

#[cfg(feature = "redis")]
use super::shared::Shared;
use super::{
    memory::Memory,
    policy::{Chat, Limits},
};

/// What a limiter asks about, and tells. The scope is a chat, or all calls together where none is
/// given.
///
/// The queues are no business of a store: where several replicas share one, each keeps its own.
pub(super) trait Store: Send + Sync {
    /// How long there is no room in this scope, where there is none.
    fn shut_for(&self, scope: Option<&Chat>) -> impl Future<Output = Option<Duration>> + Send;

    /// Takes a call down, in its chat's scope and that of all, or in neither where one of them has
    /// no room. Whether there was.
    fn take(&self, chat: Option<&Chat>) -> impl Future<Output = bool> + Send;

    /// Shuts a scope for some time, as Telegram has refused a call.
    fn pause(&self, scope: Option<&Chat>, time: Duration) -> impl Future<Output = ()> + Send;
}

/// The store of a layer.
#[derive(Debug)]
pub(super) enum Log {
    Memory(Memory),
    #[cfg(feature = "redis")]
    Shared(Box<Shared>),
}

impl Log {
    /// One of the same kind with other limits, and nothing sent yet.
    pub(super) fn with_limits(&self, limits: Limits) -> Self {
        match self {
            Self::Memory(_) => Self::Memory(Memory::new(limits)),
            #[cfg(feature = "redis")]
            Self::Shared(shared) => Self::Shared(Box::new(shared.with_limits(limits))),
        }
    }
}

impl Store for Log {
    async fn shut_for(&self, scope: Option<&Chat>) -> Option<Duration> {
        match self {
            Self::Memory(memory) => memory.shut_for(scope).await,
            #[cfg(feature = "redis")]
            Self::Shared(shared) => shared.shut_for(scope).await,
        }
    }

    async fn take(&self, chat: Option<&Chat>) -> bool {
        match self {
            Self::Memory(memory) => memory.take(chat).await,
            #[cfg(feature = "redis")]
            Self::Shared(shared) => shared.take(chat).await,
        }
    }

    async fn pause(&self, scope: Option<&Chat>, time: Duration) {
        match self {
            Self::Memory(memory) => memory.pause(scope, time).await,
            #[cfg(feature = "redis")]
            Self::Shared(shared) => shared.pause(scope, time).await,
        }
    }
}
