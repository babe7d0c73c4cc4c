//! Spans and metrics of updates and calls.
//!
//! - [`TraceUpdatesLayer`] records a span for each attempt at an update. [`Webhook`](crate::webhook::Webhook) has
//!   one; [`Webhook::trace`](crate::webhook::Webhook::trace) sets another.
//! - [`TraceCallsLayer`] records a span for each call of the Bot API, a child of that of its update. It is added to
//!   a client with [`ClientBuilder::layer`](crate::client::ClientBuilder::layer).
//! - The feature `metrics` counts and measures updates and calls over the facade
//!   [`metrics`](https://docs.rs/metrics). `describe_metrics` gives a recorder their units and descriptions.
//!
//! The page [`guide::observability`](crate::guide::observability) lists each span, field, event and metric, and
//! says which targets of other crates write the bot's token into a log.

#[cfg(feature = "metrics")]
use crate::telemetry::names;
#[doc(inline)]
pub use crate::{
    client::trace::TraceCallsLayer,
    webhook::trace::{TraceUpdatesLayer, UpdateOutcome},
};

/// Gives the installed recorder of the facade `metrics` the units and descriptions of all metrics of this crate.
///
/// Call it once, after the recorder is installed and before the first update. Metrics are recorded without it too;
/// then an exporter has no help texts.
///
/// ```
/// // After an exporter has been installed, such as that of `metrics-exporter-prometheus`:
/// tower_telegram::trace::describe_metrics();
/// ```
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    names::all_metrics().for_each(crate::telemetry::metric::MetricInfo::describe);
}
