//! The rows of tower-telegram's own tests behind tonic's server, and the update types of others.

// A test's helpers fail it as the test itself would; clippy only knows the latter.
#![allow(clippy::expect_used, clippy::panic)]
// The shared files have more than is used here.
#![allow(dead_code)]

mod foreign;
mod grpc;
mod servers;

#[path = "../../../tests/it/a_privacy.rs"]
mod a_privacy;
#[path = "../../../tests/it/a_secret.rs"]
mod a_secret;
#[path = "../../../tests/it/a_source_ip.rs"]
mod a_source_ip;
#[path = "../../../tests/it/adapter.rs"]
mod adapter;
#[path = "../../../tests/it/b_envelope.rs"]
mod b_envelope;
#[path = "../../../tests/it/b_kinds.rs"]
mod b_kinds;
#[path = "../../../tests/it/b_misfits.rs"]
mod b_misfits;
#[path = "../../../tests/it/b_requests.rs"]
mod b_requests;
#[path = "../../../tests/it/bodies.rs"]
mod bodies;
#[path = "../../../tests/it/c_wanted.rs"]
mod c_wanted;
#[path = "../../../tests/it/d_delivery.rs"]
mod d_delivery;
#[path = "../../../tests/it/d_faults.rs"]
mod d_faults;
#[path = "../../../tests/it/d_sequence.rs"]
mod d_sequence;
#[path = "../../../tests/it/e_answers.rs"]
mod e_answers;
#[path = "../../../tests/it/e_called.rs"]
mod e_called;
#[path = "../../../tests/it/generate.rs"]
mod generate;
#[path = "../../../tests/it/log.rs"]
mod log;
#[path = "../../../tests/it/scripted.rs"]
mod scripted;
#[path = "../../../tests/it/text.rs"]
mod text;
#[path = "../../../tests/it/wire.rs"]
mod wire;
