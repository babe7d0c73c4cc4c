//! The cost of spans and metrics, with and without a subscriber or recorder.

use tower::Layer as _;
use tower_telegram::{Client, client::TraceCallsLayer, webhook::TraceUpdatesLayer};
use tower_telegram_benches::count::BoxError;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

#[cfg(feature = "metrics")]
use crate::metrics_in_memory::record_metrics;
use crate::{
    key_paths::{InstantApi, send},
    paths::{Path, bot, path, ways},
};

/// The cost that the trace layers add to an update and to a call.
pub(crate) const ALL: &[Path] = &[
    path("spans/update, no subscriber", Some("bare"), traced_updates),
    path(
        "spans/call, no subscriber",
        Some("client/send"),
        traced_calls,
    ),
    path("spans/update, INFO", Some("bare"), |rounds| {
        record_spans()?;
        traced_updates(rounds)
    }),
    path("spans/call, INFO", Some("client/send"), |rounds| {
        record_spans()?;
        traced_calls(rounds)
    }),
    #[cfg(feature = "metrics")]
    path("metrics/update", Some("bare"), |rounds| {
        record_metrics()?;
        traced_updates(rounds)
    }),
    #[cfg(feature = "metrics")]
    path("metrics/call", Some("client/send"), |rounds| {
        record_metrics()?;
        traced_calls(rounds)
    }),
];

fn traced_updates(rounds: u32) -> Result<(), BoxError> {
    ways(rounds, TraceUpdatesLayer::new().layer(bot()))
}

fn traced_calls(rounds: u32) -> Result<(), BoxError> {
    send(rounds, |api: InstantApi| {
        Client::from_service(TraceCallsLayer::new().layer(api))
    })
}

/// Keeps spans at INFO, as any exporter does, and writes nothing.
fn record_spans() -> Result<(), BoxError> {
    let subscriber = tracing_subscriber::registry().with(LevelFilter::INFO);
    Ok(tracing::subscriber::set_global_default(subscriber)?)
}
