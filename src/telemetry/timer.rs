//! A clock for metrics.

use std::time::Duration;

#[cfg(feature = "metrics")]
use crate::task::clock::Instant;

/// When something began, where a metric wants to know; without the feature `metrics` nothing at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricTimer {
    #[cfg(feature = "metrics")]
    began: Instant,
}

impl MetricTimer {
    #[inline]
    pub(crate) fn start() -> Self {
        Self {
            #[cfg(feature = "metrics")]
            began: Instant::now(),
        }
    }

    /// Zero without the feature `metrics`, where no metric takes it.
    #[inline]
    // Without the feature there is nothing to read.
    #[allow(clippy::unused_self)]
    pub(crate) fn elapsed(self) -> Duration {
        #[cfg(feature = "metrics")]
        return self.began.elapsed();
        #[cfg(not(feature = "metrics"))]
        Duration::ZERO
    }
}
