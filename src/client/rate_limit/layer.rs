//! The layer.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    limiter::Limiter,
    memory::LocalStore,
    policy::{Rate, RateLimits},
    service::RateLimit,
    shared::SharedStore,
    shared_limits::SharedLimits,
};

/// Holds calls back, so that Telegram needn't refuse them. See the [module](super).
///
/// Clones share the limits and what was counted: a limit that is set on one of them is set for all, and
/// nothing that was counted is lost.
#[derive(Clone)]
pub struct RateLimitLayer {
    limiter: Arc<Limiter>,
}

impl RateLimitLayer {
    /// Telegram's limits: 30 messages a second overall, 1000 a second of paid broadcasts, one a second to a
    /// chat, 20 a minute to a group or channel.
    pub fn new() -> Self {
        let here = Arc::new(LocalStore::new(RateLimits::TELEGRAM));
        Self {
            limiter: Arc::new(Limiter::new(here, None)),
        }
    }

    #[cfg(test)]
    pub(super) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    fn with_limits(self, change: impl FnOnce(&mut RateLimits)) -> Self {
        self.limiter.here().change_limits(change);
        self
    }

    /// Keeps to the limits together with all that share these: the replicas of a bot, by `RedisLimits`
    /// (feature `redis`) or a [`SharedLimits`] of your own. Each should have
    /// the same limits set.
    ///
    /// The order in which calls to a chat are made is each replica's own. A call that is dropped at the
    /// very moment at which they are asked may have used up its turn.
    pub fn shared(self, limits: impl SharedLimits) -> Self {
        let here = Arc::clone(self.limiter.here());
        let shared = SharedStore::new(limits);
        Self {
            limiter: Arc::new(Limiter::new(here, Some(shared))),
        }
    }

    /// How many messages the bot sends in all, paid broadcasts aside. Default: 30 a second.
    pub fn overall(self, rate: Rate) -> Self {
        self.with_limits(|limits| limits.overall = Some(rate))
    }

    /// No limit on all messages together.
    pub fn without_overall(self) -> Self {
        self.with_limits(|limits| limits.overall = None)
    }

    /// How many messages the bot sends in all with `allow_paid_broadcast`. They don't count for
    /// [`overall`](Self::overall), but for their chats. Default: 1000 a second.
    pub fn paid_broadcasts(self, rate: Rate) -> Self {
        self.with_limits(|limits| limits.paid = Some(rate))
    }

    /// No limit on all paid broadcasts together.
    pub fn without_paid_broadcasts(self) -> Self {
        self.with_limits(|limits| limits.paid = None)
    }

    /// How many messages go to a chat of any kind. Default: one a second.
    pub fn per_chat(self, rate: Rate) -> Self {
        self.with_limits(|limits| limits.chat = Some(rate))
    }

    /// No limit on the messages to one chat.
    pub fn without_per_chat(self) -> Self {
        self.with_limits(|limits| limits.chat = None)
    }

    /// How many messages go to a group or channel, besides the limit of any chat. Default: 20 a minute.
    pub fn per_group(self, rate: Rate) -> Self {
        self.with_limits(|limits| limits.group = Some(rate))
    }

    /// No limit on the messages to one group or channel but that of any chat.
    pub fn without_per_group(self) -> Self {
        self.with_limits(|limits| limits.group = None)
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
            .field("limits", &self.limiter.here().limits())
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::new(inner, Arc::clone(&self.limiter))
    }
}
