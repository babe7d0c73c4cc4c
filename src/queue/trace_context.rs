//! The hook that returns the trace context of an update that is added to a queue.

use std::sync::Arc;

/// Returns a `traceparent`, or `None`.
pub(crate) type TraceContextHook = Arc<dyn Fn() -> Option<String> + Send + Sync>;
