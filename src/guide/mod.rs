//! Pages on what goes beyond one module.
//!
//! - [`delivery`]: what each arrangement of webhook, replicas and queue guarantees, and what it costs.
//! - [`performance`]: where the time of a request goes, and what builds, calls and connections cost.

#[doc = include_str!("delivery.md")]
pub mod delivery {}

#[doc = include_str!("performance.md")]
pub mod performance {}
