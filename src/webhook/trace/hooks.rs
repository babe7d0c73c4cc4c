//! The settings of a [`TraceUpdatesLayer`](super::TraceUpdatesLayer).

use std::{sync::Arc, time::Duration};

use http::{Request, Response};
use tracing::{
    Span,
    field::{Empty, display},
};

use super::UpdateOutcome;
use crate::{
    telemetry::{
        hook::call_hook,
        update_span::{AttemptNumber, CreationContext},
    },
    webhook::{BotId, RawUpdate, ReplyBody},
};

type MakeUpdateSpan = Arc<dyn Fn(&Request<RawUpdate>) -> Span + Send + Sync>;
type LinkSpan = Arc<dyn Fn(&str, &Span) + Send + Sync>;
type OnUpdate = Arc<dyn Fn(&Request<RawUpdate>, &Span) + Send + Sync>;
type OnUpdateDone = Arc<dyn Fn(&Response<ReplyBody>, Duration, &Span) + Send + Sync>;
type OnUpdateFailure = Arc<dyn Fn(UpdateOutcome, Duration, &Span) + Send + Sync>;

#[derive(Clone, Default)]
pub(super) struct UpdateHooks {
    pub(super) is_producer: bool,
    pub(super) with_chat: bool,
    pub(super) with_user: bool,
    pub(super) make_span: Option<MakeUpdateSpan>,
    pub(super) link: Option<LinkSpan>,
    pub(super) on_request: Option<OnUpdate>,
    pub(super) on_response: Option<OnUpdateDone>,
    pub(super) on_failure: Option<OnUpdateFailure>,
}

impl UpdateHooks {
    pub(super) fn make_span(&self, request: &Request<RawUpdate>) -> Span {
        let update_id = request.body().update_id();
        let make = self.make_span.as_ref();
        let span = make.and_then(|make| hooked(update_id, "make_span_with", || make(request)));
        let span = match span {
            Some(span) => span,
            None if self.is_producer => producer_span(request),
            None => update_span(request),
        };
        if span.is_disabled() {
            return span;
        }
        let update = request.body();
        if self.with_chat
            && let Some(chat) = update.chat_id()
        {
            span.record("telegram.chat.id", chat);
        }
        if self.with_user
            && let Some(user) = update.user_id()
        {
            span.record("telegram.user.id", user);
        }
        span
    }

    pub(super) fn link(&self, update_id: i64, context: &CreationContext, span: &Span) {
        if let Some(link) = &self.link {
            hooked(update_id, "link_with", || link(&context.0, span));
        }
    }

    /// Within the span.
    pub(super) fn on_request(&self, request: &Request<RawUpdate>, span: &Span) {
        if let Some(hook) = &self.on_request {
            let update_id = request.body().update_id();
            hooked(update_id, "on_request", || {
                span.in_scope(|| hook(request, span));
            });
        }
    }

    pub(super) fn on_response(
        &self,
        update_id: i64,
        response: &Response<ReplyBody>,
        took: Duration,
        span: &Span,
    ) {
        if let Some(hook) = &self.on_response {
            hooked(update_id, "on_response", || hook(response, took, span));
        }
    }

    pub(super) fn on_failure(
        &self,
        update_id: i64,
        outcome: UpdateOutcome,
        took: Duration,
        span: &Span,
    ) {
        if let Some(hook) = &self.on_failure {
            hooked(update_id, "on_failure", || hook(outcome, took, span));
        }
    }
}

/// Calls the hook of this name. A panic in it doesn't fail the attempt.
fn hooked<T>(update_id: i64, hook: &'static str, call: impl FnOnce() -> T) -> Option<T> {
    call_hook(call, || {
        tracing::error!(hook, update_id, "trace hook panicked");
    })
}

/// The span's fields. The kind and the operation are the same all through a span's life, and so are in its place
/// in the code.
macro_rules! span_of_update {
    ($request:ident, $operation:literal, $kind:literal) => {{
        let update = $request.body();
        let update_type = update.update_type().as_str();
        tracing::info_span!(
            "telegram.update",
            "otel.name" = format_args!(concat!($operation, " {}"), update_type),
            "otel.kind" = $kind,
            "otel.status_code" = Empty,
            "messaging.system" = "telegram",
            "messaging.operation.type" = $operation,
            // A text by OpenTelemetry's convention.
            "messaging.message.id" = display(update.update_id()),
            "telegram.bot.id" = $request.extensions().get::<BotId>().map(|bot| bot.0),
            "telegram.update.type" = update_type,
            "telegram.update.attempt" = AttemptNumber::of($request.extensions()).number,
            "telegram.update.outcome" = Empty,
            "telegram.update.turn_wait" = Empty,
            "telegram.chat.id" = Empty,
            "telegram.user.id" = Empty,
            "telegram.reply.method" = Empty,
            "telegram.link.traceparent" = Empty,
            "error.type" = Empty,
            "error.message" = Empty,
        )
    }};
}

/// The layer's own span.
#[inline]
pub(super) fn update_span(request: &Request<RawUpdate>) -> Span {
    span_of_update!(request, "process", "consumer")
}

fn producer_span(request: &Request<RawUpdate>) -> Span {
    span_of_update!(request, "send", "producer")
}

/// Adds where the update comes from.
pub(super) fn record_link(context: &CreationContext, span: &Span) {
    span.record("telegram.link.traceparent", display(&context.0));
}
