//! The layer.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    backend::LimitStore,
    limiter::Limiter,
    memory::LocalStore,
    policy::{Rate, RateLimits},
    service::RateLimit,
    shared::SharedStore,
    shared_limits::SharedLimits,
};

/// Holds calls back, so that Telegram needn't refuse them. See the [module](super).
#[derive(Clone)]
pub struct RateLimitLayer {
    limits: RateLimits,
    limiter: Arc<Limiter<LimitStore>>,
}

impl RateLimitLayer {
    /// Telegram's limits: 30 a second overall, one a second to a chat, 20 a minute to a group or
    /// channel.
    pub fn new() -> Self {
        let limits = RateLimits::TELEGRAM;
        Self::with_backend(limits, LimitStore::Local(LocalStore::new(limits)))
    }

    fn with_backend(limits: RateLimits, backend: LimitStore) -> Self {
        let limiter = Arc::new(Limiter::new(backend));
        Self { limits, limiter }
    }

    #[cfg(test)]
    pub(super) fn backend(&self) -> &LimitStore {
        self.limiter.store()
    }

    #[cfg(test)]
    pub(super) fn queued_chats(&self) -> usize {
        self.limiter.queued_chats()
    }

    fn with_limits(&self, limits: RateLimits) -> Self {
        Self::with_backend(limits, self.limiter.store().with_limits(limits))
    }

    /// Keeps to the limits together with all that share these: the replicas of a bot, by `RedisLimits`
    /// (feature `redis`) or a [`SharedLimits`] of your own. Each should have
    /// the same limits set.
    ///
    /// The order in which calls to a chat are made is each replica's own. A call that is dropped at the
    /// very moment at which they are asked may have used up its turn.
    pub fn shared(self, limits: impl SharedLimits) -> Self {
        let shared = Box::new(SharedStore::new(self.limits, limits));
        Self::with_backend(self.limits, LimitStore::Shared(shared))
    }

    /// How many calls the bot makes in all. Default: 30 a second.
    pub fn overall(self, rate: Rate) -> Self {
        self.with_limits(RateLimits {
            overall: Some(rate),
            ..self.limits
        })
    }

    /// No limit on all calls together.
    pub fn without_overall(self) -> Self {
        self.with_limits(RateLimits {
            overall: None,
            ..self.limits
        })
    }

    /// How many calls go to a chat of any kind. Default: one a second.
    pub fn per_chat(self, rate: Rate) -> Self {
        self.with_limits(RateLimits {
            chat: Some(rate),
            ..self.limits
        })
    }

    /// No limit on the calls to one chat.
    pub fn without_per_chat(self) -> Self {
        self.with_limits(RateLimits {
            chat: None,
            ..self.limits
        })
    }

    /// How many calls go to a group or channel, besides the limit of any chat. Default: 20 a minute.
    pub fn per_group(self, rate: Rate) -> Self {
        self.with_limits(RateLimits {
            group: Some(rate),
            ..self.limits
        })
    }

    /// No limit on the calls to one group or channel but that of any chat.
    pub fn without_per_group(self) -> Self {
        self.with_limits(RateLimits {
            group: None,
            ..self.limits
        })
    }
}

impl Default for RateLimitLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::new(inner, Arc::clone(&self.limiter))
    }
}
