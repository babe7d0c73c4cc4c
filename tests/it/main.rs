//! What must hold, over every server that the crate is served by: plain `oneshot`, hyper and axum.
//!
//! A test's name begins with its row of the conformance list. Rows about a request are in files
//! that name no server, so that other workspace members run them over theirs.

mod a_privacy;
mod a_secret;
mod adapter;
mod b_envelope;
mod b_requests;
mod b_schema;
mod bodies;
mod generate;
#[cfg(feature = "tokio")]
mod oneshot;
mod servers;
mod text;
mod wire;
