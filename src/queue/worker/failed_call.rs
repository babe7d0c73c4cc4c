//! The pause and the event after a failed call of the queue.

use std::time::Duration;

use crate::{client::ErrorChain, queue::error::QueueError};

/// The pause after a failed call of the queue.
pub(super) const CALL_PAUSE: Duration = Duration::from_millis(250);

pub(super) fn log_failed_call(error: &QueueError, what: &'static str) {
    let error = ErrorChain(error);
    tracing::warn!(%error, what, "call of the queue failed");
}
