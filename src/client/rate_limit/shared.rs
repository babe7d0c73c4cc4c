//! The counts of all replicas of a bot.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    call::CountedCall,
    memory::LocalStore,
    policy::{CallPool, CallScope, RateLimits},
    shared_limits::{ErasedLimits, LimitKey, LimitScope, SharedLimits, SharedLimitsError},
};
use crate::client::ErrorChain;

/// How long the shared limits aren't asked again after an error.
const PAUSE: Duration = Duration::from_secs(3);

/// Asks the limits that replicas share. While they fail, a replica stays within the limits by itself.
pub(super) struct SharedStore {
    others: Box<dyn ErasedLimits>,
    down_until: Mutex<Option<Instant>>,
}

impl SharedStore {
    pub(super) fn new(others: impl SharedLimits) -> Self {
        Self {
            others: Box::new(others),
            down_until: Mutex::default(),
        }
    }

    /// As [`LocalStore::take`]. `here` has the counts of this process, and the pauses that the shared limits asked for.
    pub(super) async fn take(&self, here: &LocalStore, call: &CountedCall) -> Result<(), Duration> {
        let scopes = call.scopes();
        let waits = scopes.map(|scope| here.wait(scope, 0, call.messages));
        let wait = waits.into_iter().max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        let limits = here.limits();
        let shared = scopes.map(|scope| limit_scope(&limits, scope));
        let rests = self.call(self.others.take_boxed(&shared, call.messages));
        let rests = rests.await;
        let is_shared = rests.is_some();
        let rests = rests.unwrap_or_default();
        let longest = rests.iter().max().copied().unwrap_or_default();
        if longest.is_zero() {
            let taken = here.take(call);
            if taken.is_err() && is_shared {
                // Telegram refused a call of the same chat while the shared limits were asked.
                let giving_back = self.others.give_back_boxed(&shared, call.messages);
                self.call(giving_back).await;
            }
            return taken;
        }
        // A call that is rejected because of this wait must not pause the scope: others may have fewer messages.
        if !call.is_late_after(longest) {
            for (scope, rest) in scopes.into_iter().zip(rests) {
                // So that the shared limits aren't asked again before they allow a call.
                here.pause(scope, rest);
            }
        }
        Err(longest)
    }

    pub(super) async fn pause(&self, scope: CallScope<'_>, time: Duration) {
        let key = limit_key(scope);
        self.call(self.others.pause_boxed(&key, time)).await;
    }

    /// The result of the shared limits, or `None` if they failed.
    async fn call<T>(
        &self,
        calling: impl Future<Output = Result<T, SharedLimitsError>> + Send,
    ) -> Option<T> {
        let is_down = |until: Instant| until > Instant::now();
        if self.down_until().is_some_and(is_down) {
            return None;
        }
        match calling.await {
            Ok(answer) => Some(answer),
            Err(error) => {
                *self.down_until() = Some(Instant::now() + PAUSE);
                let error = ErrorChain(&error);
                tracing::warn!(%error, "shared rate limits unavailable, limiting this replica alone");
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

fn limit_key(scope: CallScope<'_>) -> LimitKey {
    match scope {
        CallScope::All(CallPool::Usual) => LimitKey::Overall,
        CallScope::All(CallPool::Paid) => LimitKey::Paid,
        CallScope::Chat(chat) => chat.to_key(),
    }
}

fn limit_scope(limits: &RateLimits, scope: CallScope<'_>) -> LimitScope {
    LimitScope::new(limit_key(scope), limits.of(scope))
}
