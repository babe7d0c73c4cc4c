//! The settings of a [`TraceCallsLayer`](super::TraceCallsLayer).

use std::{sync::Arc, time::Duration};

use tracing::{Span, field::Empty};

use crate::client::{ApiRequest, ApiResponse, Error};

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
        let span = match &self.make_span {
            Some(make) => make(call),
            None => call_span(call),
        };
        if self.with_chat
            && let Some(chat) = call.chat_id()
        {
            span.record("telegram.chat.id", tracing::field::display(chat));
        }
        span
    }
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
