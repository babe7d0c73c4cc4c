//! What the benches share: what there is to handle, and how it is counted.
//!
//! Each bench is a `[[bench]]` of its own in a folder beside this one.

pub mod count;
pub mod limit;
pub mod updates;
