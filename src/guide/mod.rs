//! Pages on what goes beyond one module.
//!
//! - [`delivery`]: what each arrangement of webhook, replicas and queue guarantees, and what it costs.

#[doc = include_str!("delivery.md")]
pub mod delivery {}
