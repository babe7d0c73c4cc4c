//! The span of a call, in the call's extensions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Extensions;
use tracing::Span;

/// The span of a call, and the sums that inner layers add to. It is there only if something records it.
#[derive(Clone, Debug)]
pub(crate) struct CallSpan(Arc<CallSums>);

#[derive(Debug)]
struct CallSums {
    span: Span,
    resends: AtomicU64,
    /// In microseconds.
    waited: AtomicU64,
}

impl CallSpan {
    pub(crate) fn new(span: Span) -> Self {
        Self(Arc::new(CallSums {
            span,
            resends: AtomicU64::new(0),
            waited: AtomicU64::new(0),
        }))
    }

    /// That of a call, if it has one.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().cloned()
    }

    /// The call waited for its turn under the limits, each attempt by itself where each is limited.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) fn limit_waited(&self, wait: Duration) {
        let CallSums { span, waited, .. } = &*self.0;
        let wait = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        let before = waited.fetch_add(wait, Ordering::Relaxed);
        let sum = Duration::from_micros(before.saturating_add(wait));
        if !sum.is_zero() {
            span.record("telegram.call.limit_wait", sum.as_secs_f64());
        }
    }
}

/// The call is repeated.
#[cfg_attr(not(feature = "tokio"), allow(dead_code))]
pub(crate) fn resent(extensions: &Extensions) {
    if let Some(CallSpan(call)) = extensions.get() {
        let before = call.resends.fetch_add(1, Ordering::Relaxed);
        call.span.record("http.request.resend_count", before + 1);
    }
}

/// The call is sent to this server, under a path like this. Neither is looked up without a span.
pub(crate) fn sent_to<'a>(
    extensions: &Extensions,
    host: impl FnOnce() -> &'a str,
    url_template: impl FnOnce() -> String,
) {
    if let Some(CallSpan(call)) = extensions.get() {
        call.span.record("server.address", host());
        call.span.record("url.template", &*url_template());
    }
}

/// The `error.type` of a call that is dropped before it has ended.
pub(crate) fn unfinished() -> &'static str {
    if std::thread::panicking() {
        "panic"
    } else {
        "cancelled"
    }
}
