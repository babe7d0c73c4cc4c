//! A `sendMessage` call by bare hyper-util and by this crate, and the server that it is made to.
//!
//! An error ends the program, because it has no caller that could handle it.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic
)]

pub mod api;
pub mod client;
pub mod count;

/// The token of the bot in every call and server.
pub const TOKEN: &str = "123456789:AAF-bench_Secret";

/// The chat that every call sends to.
pub const CHAT: i64 = 7001;

/// The text that every call sends.
pub const TEXT: &str = "What time does the last train leave?";
