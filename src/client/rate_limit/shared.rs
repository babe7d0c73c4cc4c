//! What was sent when, for all replicas of a bot.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    memory::LocalStore,
    policy::{ChatScope, RateLimits},
    shared_limits::{ErasedLimits, LimitScope, SharedLimits, SharedLimitsError},
    store::Store,
};
use crate::client::ErrorChain;

/// How long it isn't asked again after it has failed.
const PAUSE: Duration = Duration::from_secs(3);

/// Asks what replicas share, and goes by what this replica knows while that fails.
pub(super) struct SharedStore {
    limits: RateLimits,
    others: Arc<dyn ErasedLimits>,
    /// What was sent from here, and what was said of the others.
    here: LocalStore,
    down_until: Mutex<Option<Instant>>,
}

impl SharedStore {
    pub(super) fn new(limits: RateLimits, others: impl SharedLimits) -> Self {
        Self::with(limits, Arc::new(others))
    }

    fn with(limits: RateLimits, others: Arc<dyn ErasedLimits>) -> Self {
        Self {
            limits,
            others,
            here: LocalStore::new(limits),
            down_until: Mutex::default(),
        }
    }

    /// The same with other limits, and nothing sent yet from here.
    pub(super) fn with_limits(&self, limits: RateLimits) -> Self {
        Self::with(limits, Arc::clone(&self.others))
    }

    async fn is_shut(&self, chat: Option<&ChatScope>) -> bool {
        let all = self.here.shut_for(None).await;
        all.is_some() || (chat.is_some() && self.here.shut_for(chat).await.is_some())
    }

    fn scope(&self, chat: Option<&ChatScope>) -> LimitScope {
        let rates = self.limits.of(chat);
        LimitScope::new(
            chat.map(ChatScope::to_key),
            rates.map(|rate| (rate.count(), rate.span())).collect(),
        )
    }

    /// What the shared limits say, if they answer.
    async fn asked<T>(
        &self,
        asking: impl Future<Output = Result<T, SharedLimitsError>> + Send,
    ) -> Option<T> {
        let is_down = |until: Instant| until > Instant::now();
        if self.down_until().is_some_and(is_down) {
            return None;
        }
        match asking.await {
            Ok(answer) => Some(answer),
            Err(error) => {
                *self.down_until() = Some(Instant::now() + PAUSE);
                let error = ErrorChain(&error);
                tracing::warn!(%error, "limits aren't shared with other replicas");
                None
            }
        }
    }

    fn down_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.down_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SharedStore {
    /// As far as is known here: what others have sent comes up when a call is to be taken down.
    fn shut_for(&self, scope: Option<&ChatScope>) -> impl Future<Output = Option<Duration>> + Send {
        self.here.shut_for(scope)
    }

    async fn take(&self, chat: Option<&ChatScope>) -> bool {
        if self.is_shut(chat).await {
            return false;
        }
        let scopes = match chat {
            None => vec![None],
            Some(_) => vec![None, chat],
        };
        let asked: Vec<_> = scopes.iter().map(|scope| self.scope(*scope)).collect();
        if let Some(rests) = self.asked(self.others.take_boxed(&asked)).await
            && rests.iter().any(|rest| !rest.is_zero())
        {
            for (scope, rest) in scopes.into_iter().zip(rests) {
                // So that it is asked again when there is room, and not before.
                self.here.pause(scope, rest).await;
            }
            return false;
        }
        self.here.take(chat).await
    }

    async fn pause(&self, scope: Option<&ChatScope>, time: Duration) {
        self.here.pause(scope, time).await;
        let chat = scope.map(ChatScope::to_key);
        self.asked(self.others.pause_boxed(chat.as_deref(), time))
            .await;
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStore")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
