//! Rows L: spans, metrics and health.

// A shared function fails its test as the test itself would.
#![allow(clippy::unwrap_used)]
// Counts are exact.
#![allow(clippy::float_cmp)]

#[cfg(feature = "metrics")]
mod deferrals;
mod health;
mod hooks;
#[cfg(feature = "metrics")]
mod incidents;
#[cfg(all(feature = "axum", feature = "metrics"))]
mod measured;
mod numbers;
mod polled;
#[cfg(feature = "client")]
mod privacy;
#[cfg(all(feature = "redis", unix))]
mod queued;
#[cfg(all(feature = "redis", unix))]
mod replicas;
mod spans;
mod support;
