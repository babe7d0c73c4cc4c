//! The list of all metrics, spans and fields.
//!
//! Names are those of OpenTelemetry's conventions for messaging and HTTP clients where these have one, and begin
//! with `telegram.` otherwise. No label has a value that comes from users or grows with their number.

use super::metric::{Metric, MetricInfo, MetricKind, MetricUnit};

/// The labels. Each has few values.
const TYPE: &str = "telegram.update.type";
const OUTCOME: &str = "telegram.update.outcome";
const REASON: &str = "telegram.reason";
const METHOD: &str = "telegram.method";
const STATUS: &str = "http.response.status_code";
const ERROR: &str = "error.type";
const QUEUE: &str = "messaging.destination.name";
const PARTITION: &str = "messaging.destination.partition.id";

/// How many labels these are.
const fn count<const N: usize>(_: [&str; N]) -> usize {
    N
}

/// Declares each metric once, as a static and as a part of the list.
macro_rules! metrics {
    ($($constant:ident = $kind:ident $unit:ident $name:literal [$($label:expr),*] $description:literal;)*) => {
        $(
            #[doc = $description]
            #[cfg_attr(not(feature = "queue"), allow(dead_code))]
            pub(crate) static $constant: Metric<{ count([$($label),*]) }> = Metric {
                name: $name,
                kind: MetricKind::$kind,
                unit: MetricUnit::$unit,
                labels: [$($label),*],
                description: $description,
            };
        )*

        /// All of them.
        #[cfg_attr(not(any(test, feature = "metrics")), allow(dead_code))]
        pub(crate) fn all_metrics() -> impl Iterator<Item = MetricInfo> {
            [$($constant.info()),*].into_iter()
        }
    };
}

metrics! {
    UPDATES = Counter Count "messaging.client.consumed.messages" [TYPE, OUTCOME]
        "Attempts at updates that have ended, by type and outcome.";
    PROCESS_DURATION = Histogram Seconds "messaging.process.duration" [TYPE, OUTCOME]
        "How long an attempt at an update took, its wait for its turn in the chat included.";
    HANDLER_DURATION = Histogram Seconds "telegram.handler.duration" [TYPE, OUTCOME]
        "How long the handler took in an attempt that got to it, without the wait for the turn in the chat.";
    DELIVERY_LAG = Histogram Seconds "telegram.update.lag" [TYPE]
        "How old an update was when its attempt began, by its own date, in whole seconds.";
    IN_FLIGHT = Gauge Count "telegram.updates.in_flight" []
        "Attempts at updates that run in this process, those included that wait for their turn in their chat.";
    JOINED = Counter Count "telegram.updates.joined" [TYPE]
        "Requests that joined the running handler of the same update.";
    REDELIVERED = Counter Count "telegram.updates.redelivered" [TYPE]
        "Updates that were delivered again after they had been handled, and weren't handled again.";
    DEFERRED = Counter Count "telegram.updates.deferred" [REASON]
        "Updates that a layer had no room, lock, store or time for, or that the handler deferred; they are sent again.";
    DEAD_LETTERS = Counter Count "telegram.updates.abandoned" [TYPE]
        "Updates that were abandoned: after the last attempt, or because a repeat can't help.";
    CLAIMS_LOST = Counter Count "telegram.updates.claims_lost" []
        "Claims on updates or partitions that were lost to another replica.";
    REJECTED = Counter Count "telegram.webhook.rejected" [REASON]
        "Requests to the webhook that were rejected before an update was read.";
    TURN_WAIT = Histogram Seconds "telegram.update.turn_wait" []
        "How long updates waited for their turn in their chat, of those that had to wait.";
    REQUEST_DURATION = Histogram Seconds "http.client.request.duration" [METHOD, STATUS, ERROR]
        "How long a request to the Bot API took, each attempt by itself, those that were dropped included.";
    RETRIES = Counter Count "telegram.client.retries" [METHOD, STATUS]
        "Calls that were repeated, by the status that they were repeated for.";
    LIMIT_WAIT = Histogram Seconds "telegram.client.limit_wait" [METHOD]
        "How long calls waited for their turn under the limits, of those that are limited.";
    QUEUE_DEPTH = Gauge Count "telegram.queue.depth" [QUEUE, PARTITION]
        "Updates in a partition of the queue, those included that are being handled.";
    QUEUE_AGE = Gauge Seconds "telegram.queue.age" [QUEUE, PARTITION]
        "How long the oldest update of a partition has been in the queue.";
    PENDING = Gauge Count "telegram.webhook.pending_updates" []
        "Updates that wait at Telegram, by getWebhookInfo.";
    LAST_ERROR_AGE = Gauge Seconds "telegram.webhook.last_error_age" []
        "How long ago Telegram last failed to deliver an update, by getWebhookInfo. Infinite if there is no error.";
}

/// A field of a span.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) struct SpanField {
    pub(crate) span: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
}

/// The name of an update's span.
pub(crate) const UPDATE_SPAN: &str = "telegram.update";

/// The name of a call's span.
pub(crate) const CALL_SPAN: &str = "telegram.call";

macro_rules! fields {
    ($list:ident, $span:ident, $($name:literal $description:literal;)*) => {
        /// The fields of this span.
        #[cfg_attr(not(test), allow(dead_code))]
        pub(crate) const $list: &[SpanField] = &[
            $(SpanField { span: $span, name: $name, description: $description }),*
        ];
    };
}

fields! { UPDATE_FIELDS, UPDATE_SPAN,
    "otel.name" "`process` or `send`, and the type of the update";
    "otel.kind" "`consumer`, or `producer` for an update that goes into a queue";
    "otel.status_code" "`ERROR` where the outcome is `failed` or `abandoned`";
    "messaging.system" "`telegram`";
    "messaging.operation.type" "`process` or `send`";
    "messaging.message.id" "the `update_id`";
    "telegram.bot.id" "the bot, where several share an endpoint";
    "telegram.update.type" "the type of the update";
    "telegram.update.attempt" "the number of the attempt, from 1";
    "telegram.update.outcome" "`done`, `deferred`, `failed`, `abandoned` or `cancelled`";
    "telegram.update.turn_wait" "seconds that it waited for its turn in its chat, if it had to";
    "telegram.chat.id" "the chat, if asked for";
    "telegram.user.id" "the user, if asked for";
    "telegram.reply.method" "the method that the handler replied with";
    "telegram.link.traceparent" "the W3C trace context in which it was put into the queue";
    "error.type" "the class of the failure, or the reason of the deferral, as below";
    "error.message" "the failure or the reason of the deferral, with its causes";
}

fields! { CALL_FIELDS, CALL_SPAN,
    "otel.name" "the method";
    "otel.kind" "`client`";
    "otel.status_code" "`ERROR` where the call failed";
    "telegram.method" "the method";
    "url.template" "the path, with `{token}` in the place of the token";
    "server.address" "the host of the Bot API server";
    "http.response.status_code" "the status of the last response";
    "http.request.resend_count" "how often the call was repeated, if it was";
    "telegram.call.limit_wait" "seconds that it waited under the limits on calls, if it did";
    "telegram.chat.id" "the chat, if asked for";
    "error.type" "the kind of the error, `cancelled` for a call that was dropped, or `panic`";
    "error.message" "the error with its causes";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_listed_once_and_is_one_that_prometheus_takes() {
        let mut names: Vec<_> = all_metrics().map(|metric| metric.name).collect();
        let fields = UPDATE_FIELDS.iter().map(|field| (field.span, field.name));
        let mut fields: Vec<_> = fields
            .chain(CALL_FIELDS.iter().map(|field| (field.span, field.name)))
            .collect();
        let (metrics, all_fields) = (names.len(), fields.len());
        names.sort_unstable();
        names.dedup();
        fields.sort_unstable();
        fields.dedup();
        assert_eq!((names.len(), fields.len()), (metrics, all_fields));
        let is_plain = |text: &str| {
            let is_fine = |b: u8| b.is_ascii_lowercase() || matches!(b, b'.' | b'_');
            text.bytes().all(is_fine)
        };
        for metric in all_metrics() {
            assert!(is_plain(metric.name), "{}", metric.name);
            assert!(metric.labels.iter().all(|label| is_plain(label)));
            assert!(metric.description.ends_with('.'), "{}", metric.name);
            // A distribution without a unit says nothing.
            let is_distribution = metric.kind == MetricKind::Histogram;
            assert!(!is_distribution || metric.unit == MetricUnit::Seconds);
        }
    }
}
