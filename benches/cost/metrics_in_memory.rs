//! A recorder that keeps metrics in memory, as an exporter does between two scrapes.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use tower_telegram_benches::count::BoxError;

/// Records the metrics of this process from now on.
pub(crate) fn record_metrics() -> Result<(), BoxError> {
    metrics::set_global_recorder(MetricsInMemory::default()).map_err(|_| "there is one".into())
}

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
struct MetricsInMemory(Mutex<HashMap<Key, Arc<MetricValue>>>);

impl MetricsInMemory {
    fn value(&self, key: &Key) -> Arc<MetricValue> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
