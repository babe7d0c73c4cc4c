//! Metrics over the facade `metrics`. Without the feature nothing is recorded.

use std::borrow::Cow;

use http::StatusCode;

/// Whether anything is recorded.
pub(crate) const IS_ON: bool = cfg!(feature = "metrics");

/// The value of a label. Each is one of a fixed set, or a partition's number.
pub(crate) type LabelValue = Cow<'static, str>;

/// The label for a method. One that isn't this crate's is `_OTHER`, because a program may make any number of
/// them.
// A name of this crate's is borrowed, which a `&str` wouldn't tell.
#[allow(clippy::ptr_arg)]
#[cfg_attr(not(any(feature = "metrics", feature = "tokio")), allow(dead_code))]
#[inline]
pub(crate) fn method_label(method: &Cow<'static, str>) -> LabelValue {
    match method {
        Cow::Borrowed(name) => Cow::Borrowed(name),
        Cow::Owned(_) => Cow::Borrowed("_OTHER"),
    }
}

/// The label for a status, empty where there was no response.
#[cfg_attr(not(any(feature = "metrics", feature = "tokio")), allow(dead_code))]
#[inline]
pub(crate) fn status_label(status: Option<StatusCode>) -> LabelValue {
    match status {
        // Nothing to allocate for the usual one.
        Some(StatusCode::OK) => Cow::Borrowed("200"),
        Some(status) => Cow::Owned(status.as_str().to_owned()),
        None => Cow::Borrowed(""),
    }
}

/// A metric with `N` labels.
#[derive(Debug)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code))]
pub(crate) struct Metric<const N: usize> {
    pub(crate) name: &'static str,
    pub(crate) kind: MetricKind,
    pub(crate) unit: MetricUnit,
    pub(crate) labels: [&'static str; N],
    pub(crate) description: &'static str,
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricUnit {
    /// A number of updates, calls or similar.
    Count,
    Seconds,
}

/// A metric without the number of its labels in its type, for lists.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(any(test, feature = "metrics")), allow(dead_code))]
pub(crate) struct MetricInfo {
    pub(crate) name: &'static str,
    pub(crate) kind: MetricKind,
    pub(crate) unit: MetricUnit,
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) labels: &'static [&'static str],
    pub(crate) description: &'static str,
}

impl<const N: usize> Metric<N> {
    #[cfg_attr(not(any(test, feature = "metrics")), allow(dead_code))]
    pub(crate) fn info(&'static self) -> MetricInfo {
        MetricInfo {
            name: self.name,
            kind: self.kind,
            unit: self.unit,
            labels: &self.labels,
            description: self.description,
        }
    }
}

#[cfg(feature = "metrics")]
mod recording {
    use metrics::Label;

    use super::{LabelValue, Metric, MetricInfo, MetricKind, MetricUnit};

    impl<const N: usize> Metric<N> {
        fn labels(&self, values: [LabelValue; N]) -> Vec<Label> {
            let pairs = self.labels.iter().zip(values);
            pairs
                .map(|(name, value)| Label::new(*name, value))
                .collect()
        }

        /// Begins a counter's series with 0, so that an exporter shows it before the first increment.
        pub(crate) fn begin(&self, values: [LabelValue; N]) {
            metrics::counter!(self.name, self.labels(values)).increment(0);
        }

        /// Adds one to a counter.
        pub(crate) fn increment(&self, values: [LabelValue; N]) {
            metrics::counter!(self.name, self.labels(values)).increment(1);
        }

        /// Adds to a gauge, or takes away from it.
        pub(crate) fn add(&self, change: f64, values: [LabelValue; N]) {
            metrics::gauge!(self.name, self.labels(values)).increment(change);
        }

        /// Sets a gauge.
        pub(crate) fn set(&self, value: f64, values: [LabelValue; N]) {
            metrics::gauge!(self.name, self.labels(values)).set(value);
        }

        /// Adds a value to a distribution.
        pub(crate) fn record(&self, value: f64, values: [LabelValue; N]) {
            metrics::histogram!(self.name, self.labels(values)).record(value);
        }
    }

    impl MetricInfo {
        /// Gives the recorder the unit and the description.
        pub(crate) fn describe(self) {
            let unit = match self.unit {
                MetricUnit::Count => metrics::Unit::Count,
                MetricUnit::Seconds => metrics::Unit::Seconds,
            };
            match self.kind {
                MetricKind::Counter => {
                    metrics::describe_counter!(self.name, unit, self.description);
                }
                MetricKind::Gauge => metrics::describe_gauge!(self.name, unit, self.description),
                MetricKind::Histogram => {
                    metrics::describe_histogram!(self.name, unit, self.description);
                }
            }
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod recording {
    use super::{LabelValue, Metric};

    // The same methods as with the feature.
    #[allow(clippy::unused_self, dead_code)]
    impl<const N: usize> Metric<N> {
        #[inline(always)]
        pub(crate) fn increment(&self, _: [LabelValue; N]) {}

        #[inline(always)]
        pub(crate) fn add(&self, _: f64, _: [LabelValue; N]) {}

        #[inline(always)]
        pub(crate) fn set(&self, _: f64, _: [LabelValue; N]) {}

        #[inline(always)]
        pub(crate) fn record(&self, _: f64, _: [LabelValue; N]) {}
    }
}
