//! A rate: how many messages in which time.

use std::time::Duration;

/// A number of messages in any span of time of a given length. They may all be sent at once; then the next one is sent
/// when the span is over.
///
/// ```
/// use std::time::Duration;
/// use tower_telegram::client::Rate;
///
/// assert_eq!(Rate::per_minute(20), Rate::new(20, Duration::from_secs(60)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: usize,
    span: Duration,
}

impl Rate {
    /// Up to `count` messages in any `span` of time. A count of 0 is taken as 1.
    pub const fn new(count: usize, span: Duration) -> Self {
        let count = if count == 0 { 1 } else { count };
        Self { count, span }
    }

    /// Up to `count` messages in any second. A count of 0 is taken as 1.
    pub const fn per_second(count: usize) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// Up to `count` messages in any minute. A count of 0 is taken as 1.
    pub const fn per_minute(count: usize) -> Self {
        Self::new(count, Duration::from_secs(60))
    }

    /// The most messages in any span. At least 1.
    pub const fn count(self) -> usize {
        self.count
    }

    /// The length of a span.
    pub const fn span(self) -> Duration {
        self.span
    }
}
