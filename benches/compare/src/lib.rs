//! The same bot, the same bodies and the same calls, for this crate and for others. `benches/compare/run.py`
//! runs the two programs of this package and makes tables of what they show.
//!
//! What can't be measured ends the program: there is nobody to hand an error to.
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
pub mod count;
pub mod parsers;
pub mod servers;

/// The bot of every server.
pub const TOKEN: &str = "123456789:AAF-bench_Secret";

/// What Telegram shows to the servers that ask for it.
pub const SECRET: &str = "the-Secret_of-the-benches";
