//! Guides on subjects that concern several modules.
//!
//! - [`layers`]: every layer with its responses and defaults, and their order.
//! - [`delivery`]: the guarantees and costs of one process, replicas, and a queue.
//! - [`observability`]: every span, field, event and metric, and how to keep the token out of logs.
//! - [`performance`]: what a request, a call, a connection and a build cost, beside other crates.

#[doc = include_str!("layers.md")]
pub mod layers {}

#[doc = include_str!("delivery.md")]
pub mod delivery {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("observability.md")]
pub mod observability {}
