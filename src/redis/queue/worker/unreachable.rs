//! The pause and the event when Redis can't be reached.

use std::time::Duration;

use crate::{client::ErrorChain, redis::queue::error::QueueError};

/// The pause after Redis couldn't be reached.
pub(super) const REDIS_PAUSE: Duration = Duration::from_millis(250);

pub(super) fn log_unreachable(error: &QueueError, what: &'static str) {
    let error = ErrorChain(error);
    tracing::warn!(%error, what, "redis can't be asked for a queue");
}
