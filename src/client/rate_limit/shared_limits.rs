//! The `SharedLimits` trait: limits that the replicas of a bot share.

use std::{future::Future, pin::Pin, time::Duration};

use super::rate::Rate;

/// Counts the messages of all replicas of a bot, for
/// [`RateLimitLayer::shared`](crate::client::RateLimitLayer::shared).
///
/// `RedisLimits`, with the feature `redis`, implements it. Implement it for another database; each method must be
/// atomic.
///
/// # Errors
///
/// A method returns an error when it failed or its outcome is unknown. Then each replica stays within the limits by
/// itself for three seconds. A method must end in bounded time, because all calls wait for it.
pub trait SharedLimits: Send + Sync + 'static {
    /// Counts a call with so many messages (1 to 100) in all of these scopes, or in none of them if one doesn't allow
    /// it. Returns the wait of each scope: zero for all of them if the call was counted.
    ///
    /// A rate allows a call with more messages than its count when no message was counted in the last span. After such
    /// a call the scope allows none for as many spans as its messages would take: `messages.div_ceil(count)`.
    fn take(
        &self,
        scopes: &[LimitScope],
        messages: usize,
    ) -> impl Future<Output = Result<Vec<Duration>, SharedLimitsError>> + Send;

    /// Takes back the count of a call that [`take`](Self::take) has counted in these scopes, and that isn't made: by
    /// then it was too late for its deadline, or this process had paused its chat.
    fn give_back(
        &self,
        scopes: &[LimitScope],
        messages: usize,
    ) -> impl Future<Output = Result<(), SharedLimitsError>> + Send;

    /// Pauses the calls with this key for some time: [`take`](Self::take) returns the rest of it as the scope's wait.
    fn pause(
        &self,
        key: &LimitKey,
        time: Duration,
    ) -> impl Future<Output = Result<(), SharedLimitsError>> + Send;
}

/// Calls that are counted or paused together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitKey {
    /// All calls, without paid broadcasts.
    Overall,
    /// All paid broadcasts: calls with `allow_paid_broadcast`.
    Paid,
    /// The calls to a chat, paid or not: its id, or its `@name` in lower case.
    Chat(Box<str>),
    /// The calls of a method that have no chat: its name in lower case. They have no rates, but may be paused.
    Method(Box<str>),
}

/// Calls that are counted together, and their limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitScope {
    /// The calls.
    pub key: LimitKey,
    /// The limits, all of which a call must keep.
    pub rates: Vec<Rate>,
}

impl LimitScope {
    /// The calls with this key, and their limits.
    pub fn new(key: LimitKey, rates: impl IntoIterator<Item = Rate>) -> Self {
        Self {
            key,
            rates: rates.into_iter().collect(),
        }
    }
}

backend_error! {
    /// An operation of [`SharedLimits`] failed, or its outcome is unknown.
    pub struct SharedLimitsError;
    "the shared limits failed"
}

type LimitStep<'a, T> = Pin<Box<dyn Future<Output = Result<T, SharedLimitsError>> + Send + 'a>>;

/// [`SharedLimits`] as a trait object, so that no layer's type names them.
pub(super) trait ErasedLimits: Send + Sync {
    fn take_boxed<'a>(
        &'a self,
        scopes: &'a [LimitScope],
        messages: usize,
    ) -> LimitStep<'a, Vec<Duration>>;
    fn give_back_boxed<'a>(
        &'a self,
        scopes: &'a [LimitScope],
        messages: usize,
    ) -> LimitStep<'a, ()>;
    fn pause_boxed<'a>(&'a self, key: &'a LimitKey, time: Duration) -> LimitStep<'a, ()>;
}

impl<L: SharedLimits> ErasedLimits for L {
    fn take_boxed<'a>(
        &'a self,
        scopes: &'a [LimitScope],
        messages: usize,
    ) -> LimitStep<'a, Vec<Duration>> {
        Box::pin(self.take(scopes, messages))
    }

    fn give_back_boxed<'a>(
        &'a self,
        scopes: &'a [LimitScope],
        messages: usize,
    ) -> LimitStep<'a, ()> {
        Box::pin(self.give_back(scopes, messages))
    }

    fn pause_boxed<'a>(&'a self, key: &'a LimitKey, time: Duration) -> LimitStep<'a, ()> {
        Box::pin(self.pause(key, time))
    }
}
