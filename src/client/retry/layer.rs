//! The layer that repeats failed calls.

use std::time::Duration;

use tower::retry as tower_retry;
use tower_layer::Layer;

use super::{policy::RetryPolicy, service::Retry};
use crate::client::into_error::MapToClientError;

/// Repeats failed calls, if that may succeed and can't do anything twice. See the [module](super) for the rules.
///
/// ```
/// use std::time::Duration;
/// use tower_telegram::client::RetryLayer;
///
/// // For a handler that has to respond within seconds.
/// let layer = RetryLayer::new()
///     .max_attempts(3)
///     .max_elapsed(Duration::from_secs(8))
///     .backoff(Duration::from_millis(200), Duration::from_secs(2));
/// # let _ = layer;
/// ```
#[derive(Clone, Debug, Default)]
pub struct RetryLayer {
    policy: RetryPolicy,
}

impl RetryLayer {
    /// A layer with the limits of [`RetryPolicy::new`]: five attempts within two minutes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the most attempts of a call. Default: 5. See [`RetryPolicy::max_attempts`].
    pub fn max_attempts(self, attempts: u32) -> Self {
        self.policy.max_attempts(attempts).into()
    }

    /// Sets the longest time of a call. Default: 2 minutes. See [`RetryPolicy::max_elapsed`].
    pub fn max_elapsed(self, elapsed: Duration) -> Self {
        self.policy.max_elapsed(elapsed).into()
    }

    /// Sets the longest `retry_after` that is waited for. Default: no limit. See [`RetryPolicy::max_retry_after`].
    pub fn max_retry_after(self, retry_after: Duration) -> Self {
        self.policy.max_retry_after(retry_after).into()
    }

    /// Sets the first and the longest wait of the back-off. Default: 0.5 s and 30 s. See [`RetryPolicy::backoff`].
    pub fn backoff(self, min: Duration, max: Duration) -> Self {
        self.policy.backoff(min, max).into()
    }

    /// Sets the budget of repeats that all calls share. See [`RetryPolicy::budget`].
    pub fn budget(self, per_second: u32, percent: u32) -> Self {
        self.policy.budget(per_second, percent).into()
    }

    /// Removes the budget. See [`RetryPolicy::without_budget`].
    pub fn without_budget(self) -> Self {
        self.policy.without_budget().into()
    }
}

impl From<RetryPolicy> for RetryLayer {
    fn from(policy: RetryPolicy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        let inner = MapToClientError { inner };
        Retry::new(tower_retry::Retry::new(self.policy.clone(), inner))
    }
}
