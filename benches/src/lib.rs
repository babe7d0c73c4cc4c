//! The parts that the benches share: updates, counts and limits.
//!
//! Each bench is a `[[bench]]` in a folder next to this one.

pub mod count;
pub mod limit;
pub mod updates;
