//! The clock for durations.

/// An instant of tokio's clock, which tests can pause. Without the feature `tokio` one of the system's clock.
#[cfg(feature = "tokio")]
pub(crate) use tokio::time::Instant;

#[cfg(not(feature = "tokio"))]
pub(crate) use std::time::Instant;
