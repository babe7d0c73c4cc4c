//! The same bot, the same bodies and the same calls, for this crate and for others.
//! `benches/compare/run.py` runs the two programs of this package, and makes tables of their output.
//!
//! An error ends the program, because it has no caller that could handle it.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

pub mod bot;
pub mod calls;
pub mod corpus;
pub mod parsers;
pub mod servers;

/// The secret token in the requests to the servers that check it.
pub const SECRET: &str = "the-Secret_of-the-benches";
