//! Spans and metrics of updates and calls.
//!
//! - [`TraceUpdatesLayer`] records a span for each attempt at an update. [`Webhook`](crate::webhook::Webhook) has
//!   one; [`Webhook::trace`](crate::webhook::Webhook::trace) sets another.
//! - [`TraceCallsLayer`] records a span for each call of the Bot API, a child of that of its update. It is added to
//!   a client with [`ClientBuilder::layer`](crate::client::ClientBuilder::layer).
//! - The feature `metrics` counts and measures updates and calls over the facade
//!   [`metrics`](https://docs.rs/metrics). `describe_metrics` gives a recorder their units and descriptions.
//!
//! These are layers of their own, and not hooks for tower-http's `TraceLayer`, for two reasons. That layer wraps the
//! response's body, which hides the reply from the deliveries above it; and a call above
//! [`BotApi`](crate::client::BotApi) isn't an HTTP request yet, while below it a span would have the token in its URL.
//!
//! The page [`guide::observability`](crate::guide::observability) lists each span, field, event and metric, and
//! says which targets of other crates write the bot's token into a log.

#[doc(inline)]
pub use crate::{
    client::trace::TraceCallsLayer,
    webhook::trace::{TraceUpdatesLayer, UpdateOutcome},
};
#[cfg(feature = "metrics")]
use crate::{
    telemetry::{metric::MetricInfo, names},
    types::UpdateType,
    webhook::{Rejection, deferral_reason::DeferralReason},
};

/// Gives the installed recorder of the facade `metrics` the units and descriptions of all metrics of this crate, and begins
/// the counters for alerts with 0: abandoned updates by type, deferrals by reason, and lost claims.
///
/// Call it once, after the recorder is installed and before the first update. Metrics are recorded without it too;
/// then an exporter has no help texts, and Prometheus' `increase` misses the first increment of a counter, whose series
/// begins with it.
///
/// ```
/// // After an exporter has been installed, such as that of `metrics-exporter-prometheus`:
/// tower_telegram::trace::describe_metrics();
/// ```
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    names::all_metrics().for_each(MetricInfo::describe);
    for update_type in UpdateType::ALL.into_iter().chain([UpdateType::Unknown]) {
        names::DEAD_LETTERS.begin([update_type.as_str().into()]);
    }
    let reasons = Rejection::DEFERRALS.iter().map(Rejection::name);
    for reason in reasons.chain(DeferralReason::ALL.map(DeferralReason::name)) {
        names::DEFERRED.begin([reason.into()]);
    }
    names::CLAIMS_LOST.begin([]);
}
