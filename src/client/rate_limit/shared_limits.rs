//! What replicas share of the limits on calls.

use std::{error, fmt, future::Future, pin::Pin, time::Duration};

/// Keeps what was sent when for all replicas of a bot, for
/// [`RateLimitLayer::shared`](crate::client::RateLimitLayer::shared).
///
/// `RedisLimits`, with the feature `redis`, is one. Write it for a database of your own; each method is one
/// step that happens wholly or not at all.
///
/// # Errors
///
/// Each ends in bounded time: while one is waited for, all calls wait.
///
/// A method fails when it isn't known whether it worked. Then each replica keeps to the limits by itself for
/// three seconds.
pub trait SharedLimits: Send + Sync + 'static {
    /// Takes a call of so many messages (1 to 100) down in all of these scopes, or in none where one of them
    /// has no room. Returns how long each has no room: zero for all if the call was taken down.
    ///
    /// A call of more messages than a rate's count has room when no message was taken down in the last span.
    /// After it the scope has no room for as many spans as its messages would take: `messages.div_ceil(count)`.
    fn take(
        &self,
        scopes: &[LimitScope],
        messages: usize,
    ) -> impl Future<Output = Result<Vec<Duration>, SharedLimitsError>> + Send;

    /// Shuts a chat, or all calls of a kind, for some time.
    fn pause(
        &self,
        key: &LimitKey,
        time: Duration,
    ) -> impl Future<Output = Result<(), SharedLimitsError>> + Send;
}

/// Which calls have limits of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitKey {
    /// All calls together, but paid broadcasts.
    Overall,
    /// All paid broadcasts together: calls with `allow_paid_broadcast`.
    Paid,
    /// Those to a chat, paid or not: its number, or its `@name` in lower case.
    Chat(Box<str>),
    /// Those of a method that name no chat: its name in lower case. They have no rates, but may pause.
    Method(Box<str>),
}

/// What has limits of its own, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitScope {
    /// Which calls it is about.
    pub key: LimitKey,
    /// At most so many messages in any span of such a length, for each of these.
    pub rates: Vec<(usize, Duration)>,
}

impl LimitScope {
    pub(super) fn new(key: LimitKey, rates: Vec<(usize, Duration)>) -> Self {
        Self { key, rates }
    }
}

/// An operation of [`SharedLimits`] failed, or its outcome is unknown.
#[derive(Debug)]
pub struct SharedLimitsError(Box<dyn error::Error + Send + Sync>);

impl SharedLimitsError {
    /// For this reason.
    pub fn new(source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for SharedLimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shared limits failed")
    }
}

impl error::Error for SharedLimitsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.0)
    }
}

type LimitStep<'a, T> = Pin<Box<dyn Future<Output = Result<T, SharedLimitsError>> + Send + 'a>>;

/// [`SharedLimits`] as a trait object, so that no layer's type names them.
pub(super) trait ErasedLimits: Send + Sync {
    fn take_boxed<'a>(
        &'a self,
        scopes: &'a [LimitScope],
        messages: usize,
    ) -> LimitStep<'a, Vec<Duration>>;
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

    fn pause_boxed<'a>(&'a self, key: &'a LimitKey, time: Duration) -> LimitStep<'a, ()> {
        Box::pin(self.pause(key, time))
    }
}
