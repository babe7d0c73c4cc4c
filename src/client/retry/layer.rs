//! The layer.

use std::time::Duration;

use tower::retry as tower_retry;
use tower_layer::Layer;

use super::{policy::RetryPolicy, service::Retry};
use crate::client::into_error::MapToClientError;

/// Repeats a call that failed, where that can help and can't do it twice. See the [module](super).
#[derive(Clone, Debug, Default)]
pub struct RetryLayer {
    policy: RetryPolicy,
}

impl RetryLayer {
    /// With the limits of [`RetryPolicy::new`].
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`RetryPolicy::max_attempts`].
    pub fn max_attempts(self, attempts: u32) -> Self {
        self.policy.max_attempts(attempts).into()
    }

    /// See [`RetryPolicy::max_elapsed`].
    pub fn max_elapsed(self, elapsed: Duration) -> Self {
        self.policy.max_elapsed(elapsed).into()
    }

    /// See [`RetryPolicy::max_retry_after`].
    pub fn max_retry_after(self, retry_after: Duration) -> Self {
        self.policy.max_retry_after(retry_after).into()
    }

    /// See [`RetryPolicy::backoff`].
    pub fn backoff(self, min: Duration, max: Duration) -> Self {
        self.policy.backoff(min, max).into()
    }

    /// See [`RetryPolicy::budget`].
    pub fn budget(self, per_second: u32, percent: u32) -> Self {
        self.policy.budget(per_second, percent).into()
    }

    /// See [`RetryPolicy::without_budget`].
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
