//! What replicas share of the limits on calls.

use std::{error, fmt, future::Future, pin::Pin, time::Duration};

/// Keeps what was sent when for all replicas of a bot, for
/// [`RateLimitLayer::shared`](super::RateLimitLayer::shared).
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
    /// Takes a call down in all of these scopes, or in none where one of them has no room. Returns how
    /// long each has no room: zero for all if the call was taken down.
    fn take(
        &self,
        scopes: &[LimitScope],
    ) -> impl Future<Output = Result<Vec<Duration>, SharedLimitsError>> + Send;

    /// Shuts a chat for some time, or all calls where none is given.
    fn pause(
        &self,
        chat: Option<&str>,
        time: Duration,
    ) -> impl Future<Output = Result<(), SharedLimitsError>> + Send;
}

/// What has limits of its own: a chat, or all calls together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitScope {
    /// The chat; `None` stands for all calls.
    pub chat: Option<Box<str>>,
    /// At most so many calls in any span of such a length, for each of these.
    pub rates: Vec<(usize, Duration)>,
}

impl LimitScope {
    pub(super) fn new(chat: Option<Box<str>>, rates: Vec<(usize, Duration)>) -> Self {
        Self { chat, rates }
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
    fn take_boxed<'a>(&'a self, scopes: &'a [LimitScope]) -> LimitStep<'a, Vec<Duration>>;
    fn pause_boxed<'a>(&'a self, chat: Option<&'a str>, time: Duration) -> LimitStep<'a, ()>;
}

impl<L: SharedLimits> ErasedLimits for L {
    fn take_boxed<'a>(&'a self, scopes: &'a [LimitScope]) -> LimitStep<'a, Vec<Duration>> {
        Box::pin(self.take(scopes))
    }

    fn pause_boxed<'a>(&'a self, chat: Option<&'a str>, time: Duration) -> LimitStep<'a, ()> {
        Box::pin(self.pause(chat, time))
    }
}
