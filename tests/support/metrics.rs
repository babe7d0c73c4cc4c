//! The metrics of a test, as a recorder of the facade sees them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata,
    SharedString, Unit,
};

/// Keeps the values of each metric by its name and labels: `name{label="value"}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

impl Measured {
    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Vec<f64>>> {
        self.0.lock().expect("nobody panics with it")
    }

    /// The recorded values of a metric: the sum of a counter, the last of a gauge, each of a histogram.
    pub(crate) fn get(&self, key: &str) -> Vec<f64> {
        self.values().get(key).cloned().unwrap_or_default()
    }

    /// The sum of a counter, or the value of a gauge.
    pub(crate) fn value(&self, key: &str) -> f64 {
        self.get(key).iter().sum()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.values().keys().cloned().collect()
    }

    fn series(&self, key: &Key) -> Arc<Series> {
        let labels = key
            .labels()
            .map(|label| format!("{}={:?}", label.key(), label.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        let key = match &*labels {
            "" => key.name().to_owned(),
            labels => format!("{}{{{labels}}}", key.name()),
        };
        self.values().entry(key.clone()).or_default();
        Arc::new(Series {
            key,
            all: self.clone(),
        })
    }
}

struct Series {
    key: String,
    all: Measured,
}

impl Series {
    fn change(&self, change: impl FnOnce(&mut Vec<f64>)) {
        change(self.all.values().entry(self.key.clone()).or_default());
    }

    fn add(&self, value: f64) {
        self.change(|values| *values = vec![values.iter().sum::<f64>() + value]);
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        let value = u32::try_from(value).expect("a test counts little");
        self.add(value.into());
    }

    fn absolute(&self, _: u64) {
        unreachable!("no metric is set so");
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, value: f64) {
        self.change(|values| *values = vec![value]);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.change(|values| values.push(value));
    }
}

impl metrics::Recorder for Measured {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, unit, &text);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, unit, &text);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, unit, &text);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

impl Measured {
    fn describe(&self, key: &KeyName, unit: Option<Unit>, text: &SharedString) {
        let unit = unit.map_or("", |unit| unit.as_str());
        self.values()
            .insert(format!("{} in {unit}: {text}", key.as_str()), Vec::new());
    }
}
