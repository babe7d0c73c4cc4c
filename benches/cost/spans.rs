//! The cost of spans and metrics, with and without a subscriber or recorder.

use tower::Layer as _;
use tower_telegram::{Client, client::TraceCallsLayer, webhook::TraceUpdatesLayer};
use tower_telegram_benches::count::BoxError;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

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

/// Keeps metrics in memory, as an exporter does between two scrapes.
#[cfg(feature = "metrics")]
fn record_metrics() -> Result<(), BoxError> {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    };

    use metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata,
        Recorder, SharedString, Unit,
    };

    #[derive(Default)]
    struct MetricValue(AtomicU64);

    impl CounterFn for MetricValue {
        fn increment(&self, value: u64) {
            self.0.fetch_add(value, Ordering::Relaxed);
        }

        fn absolute(&self, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }
    }

    impl GaugeFn for MetricValue {
        fn increment(&self, value: f64) {
            self.set(value);
        }

        fn decrement(&self, value: f64) {
            self.set(value);
        }

        fn set(&self, value: f64) {
            self.0.store(value.to_bits(), Ordering::Relaxed);
        }
    }

    impl HistogramFn for MetricValue {
        fn record(&self, value: f64) {
            GaugeFn::set(self, value);
        }
    }

    #[derive(Default)]
    struct MetricsInMemory(Mutex<std::collections::HashMap<Key, Arc<MetricValue>>>);

    impl MetricsInMemory {
        fn value(&self, key: &Key) -> Arc<MetricValue> {
            let mut values = self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(value) = values.get(key) {
                return Arc::clone(value);
            }
            Arc::clone(values.entry(key.clone()).or_default())
        }
    }

    impl Recorder for MetricsInMemory {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.value(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.value(key))
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(self.value(key))
        }
    }

    metrics::set_global_recorder(MetricsInMemory::default()).map_err(|_| "there is one".into())
}
