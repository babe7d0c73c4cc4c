//! Names and values of spans and metrics, for the layers that record them.
//!
//! - [`names`] is the one list of metrics and of the fields of spans. The page `guide::observability` is
//!   checked against it.
//! - [`metric`] counts and measures with the feature `metrics`, and does nothing without it.
//! - [`hook`] calls the hooks of the trace layers, and [`request_timer`] measures requests to the Bot API.
//! - [`handler_start`] is an extension of an update's request that says when its handler began.
//! - [`update_span`] and [`call_span`] are extensions of an update's request and of a call, with which inner
//!   layers add to the spans.

pub(crate) mod call_span;
pub(crate) mod handler_start;
pub(crate) mod hook;
pub(crate) mod metric;
pub(crate) mod names;
#[cfg(all(test, not(shuttle)))]
mod page;
pub(crate) mod request_timer;
#[cfg_attr(not(feature = "tokio"), allow(dead_code))]
pub(crate) mod update_span;
