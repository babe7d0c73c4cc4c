//! The layer that delays calls.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    limiter::Limiter, memory::LocalStore, policy::RateLimits, rate::Rate, service::RateLimit,
    shared::SharedStore, shared_limits::SharedLimits,
};

/// Delays calls, so that the bot stays within Telegram's limits. See the [module](super) for the rules.
///
/// Clones share the limits and the counts: a limit that is set on one of them is set for all of them, and
/// doesn't reset the counts.
///
/// ```
/// use tower_telegram::client::{Rate, RateLimitLayer};
///
/// // A bot that has its users' permission to send more, and no groups.
/// let layer = RateLimitLayer::new().overall(Rate::per_second(60)).without_per_group();
/// # let _ = layer;
/// ```
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

    /// Shares the counts with the other replicas of a bot, by `RedisLimits` (feature `redis`) or a [`SharedLimits`] of
    /// your own. All replicas should have the same limits.
    ///
    /// Calls to a chat are in order within each replica only. A call that is dropped, or whose deadline ends, while the
    /// shared limits are being asked may count.
    pub fn shared(self, limits: impl SharedLimits) -> Self {
        let here = Arc::clone(self.limiter.here());
        let shared = SharedStore::new(limits);
        Self {
            limiter: Arc::new(Limiter::new(here, Some(shared))),
        }
    }

    /// Limits all messages of the bot together, without paid broadcasts. Default: 30 a second.
    pub fn overall(self, rate: Rate) -> Self {
        self.with_limits(|limits| limits.overall = Some(rate))
    }

    /// Removes the limit on all messages together.
    pub fn without_overall(self) -> Self {
        self.with_limits(|limits| limits.overall = None)
    }

    /// Limits all messages with `allow_paid_broadcast` together. They count for their chats, and not for
    /// [`overall`](Self::overall). Default: 1000 a second.
    pub fn paid_broadcasts(self, rate: Rate) -> Self {
        self.with_limits(|limits| limits.paid = Some(rate))
    }

    /// Removes the limit on all paid broadcasts together.
    pub fn without_paid_broadcasts(self) -> Self {
        self.with_limits(|limits| limits.paid = None)
    }

    /// Limits the messages to each chat of any type. Default: one a second.
    pub fn per_chat(self, rate: Rate) -> Self {
        self.with_limits(|limits| limits.chat = Some(rate))
    }

    /// Removes the limit on the messages to each chat.
    pub fn without_per_chat(self) -> Self {
        self.with_limits(|limits| limits.chat = None)
    }

    /// Limits the messages to each group or channel, in addition to the limit of each chat. Default: 20 a minute.
    pub fn per_group(self, rate: Rate) -> Self {
        self.with_limits(|limits| limits.group = Some(rate))
    }

    /// Removes the limit of groups and channels. That of each chat stays.
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
