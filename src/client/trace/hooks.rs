//! The settings of a [`TraceCallsLayer`](super::TraceCallsLayer).

use std::{sync::Arc, time::Duration};

use tracing::{Span, field::Empty};

use crate::{
    client::{ApiRequest, ApiResponse, Error},
    telemetry::hook::call_hook,
};

type MakeCallSpan = Arc<dyn Fn(&ApiRequest) -> Span + Send + Sync>;
type OnCall = Arc<dyn Fn(&ApiRequest, &Span) + Send + Sync>;
type OnCallResponse = Arc<dyn Fn(&ApiResponse, Duration, &Span) + Send + Sync>;
type OnCallFailure = Arc<dyn Fn(&Error, Duration, &Span) + Send + Sync>;

#[derive(Clone, Default)]
pub(super) struct CallHooks {
    pub(super) with_chat: bool,
    pub(super) make_span: Option<MakeCallSpan>,
    pub(super) on_request: Option<OnCall>,
    pub(super) on_response: Option<OnCallResponse>,
    pub(super) on_failure: Option<OnCallFailure>,
}

impl CallHooks {
    pub(super) fn make_span(&self, call: &ApiRequest) -> Span {
        let make = self.make_span.as_ref();
        let span = make.and_then(|make| hooked(call.method(), "make_span_with", || make(call)));
        let span = span.unwrap_or_else(|| call_span(call));
        if self.with_chat
            && let Some(chat) = call.chat_id()
        {
            span.record("telegram.chat.id", tracing::field::display(chat));
        }
        span
    }

    /// Within the span.
    pub(super) fn on_request(&self, call: &ApiRequest, span: &Span) {
        if let Some(hook) = &self.on_request {
            hooked(call.method(), "on_request", || {
                span.in_scope(|| hook(call, span));
            });
        }
    }

    pub(super) fn on_response(
        &self,
        method: &str,
        response: &ApiResponse,
        took: Duration,
        span: &Span,
    ) {
        if let Some(hook) = &self.on_response {
            hooked(method, "on_response", || hook(response, took, span));
        }
    }

    pub(super) fn on_failure(&self, method: &str, error: &Error, took: Duration, span: &Span) {
        if let Some(hook) = &self.on_failure {
            hooked(method, "on_failure", || hook(error, took, span));
        }
    }
}

/// Calls the hook of this name. A panic in it doesn't fail the call.
fn hooked<T>(method: &str, hook: &'static str, call: impl FnOnce() -> T) -> Option<T> {
    call_hook(call, || {
        tracing::error!(hook, method, "trace hook panicked");
    })
}

/// The layer's own span.
pub(super) fn call_span(call: &ApiRequest) -> Span {
    tracing::info_span!(
        "telegram.call",
        "otel.name" = call.method(),
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "telegram.method" = call.method(),
        "url.template" = Empty,
        "server.address" = Empty,
        "http.response.status_code" = Empty,
        "http.request.resend_count" = Empty,
        "telegram.call.limit_wait" = Empty,
        "telegram.chat.id" = Empty,
        "error.type" = Empty,
        "error.message" = Empty,
    )
}
