//! What must hold, over every server that the crate is served by: plain `oneshot`, hyper and axum.
//!
//! A test's name begins with its row of `tests/conformance.md`, and ends with the server that it
//! ran over, if it was one of these. Rows about a request are in files that name no server, so that
//! other workspace members run them over theirs.

// A test's helpers fail it as the test itself would; clippy only knows the latter.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod a_privacy;
mod a_secret;
mod a_source_ip;
mod a_timing;
#[cfg(feature = "client")]
mod a_token;
mod adapter;
mod b_envelope;
mod b_gzip;
mod b_kinds;
mod b_misfits;
mod b_requests;
mod b_schema;
mod bodies;
mod c_wanted;
#[cfg(all(feature = "client", feature = "testing"))]
mod d_delivery;
#[cfg(all(feature = "testing", feature = "tokio"))]
mod d_faults;
#[cfg(feature = "tokio")]
mod d_hang_ups;
#[cfg(all(feature = "testing", feature = "tokio"))]
mod d_sequence;
#[cfg(feature = "tokio")]
mod d_stores;
mod e_answers;
#[cfg(feature = "client")]
mod e_called;
mod e_compile;
#[cfg(all(feature = "client", feature = "serde-all", feature = "testing"))]
mod every_method;
#[cfg(feature = "client")]
mod f_answers;
#[cfg(feature = "client")]
mod f_cancelled;
#[cfg(all(feature = "client", feature = "serde-all", feature = "testing"))]
mod f_files;
#[cfg(feature = "tokio")]
mod f_layers;
#[cfg(all(feature = "client", feature = "serde-all", feature = "testing"))]
mod f_methods;
#[cfg(feature = "client")]
mod f_transport;
#[cfg(all(feature = "client", feature = "serde-all", feature = "testing"))]
mod f_uploads;
#[cfg(all(feature = "client", feature = "testing"))]
mod g_webhook;
// Of it, methods are tested only with all of these.
#[cfg_attr(
    not(all(feature = "client", feature = "serde-all", feature = "testing")),
    allow(dead_code)
)]
mod generate;
mod log;
mod oneshot;
#[cfg(all(feature = "client", feature = "testing"))]
mod people;
#[cfg(all(feature = "client", feature = "testing"))]
mod polling;
mod readiness;
#[cfg(all(feature = "redis", unix))]
mod replicas;
#[cfg(feature = "client")]
mod scripted;
mod servers;
#[cfg(feature = "tokio")]
mod simulation;
mod text;
#[cfg(feature = "client")]
mod tls;
#[cfg(all(feature = "client", feature = "serde-all", feature = "testing"))]
mod typed;
mod wire;
