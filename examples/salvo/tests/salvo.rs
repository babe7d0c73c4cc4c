//! Runs the example as people do: without a token, and in production against a Telegram on this machine.
#![allow(clippy::unwrap_used)]

#[path = "../../tests/program/mod.rs"]
mod program;

use program::beside_routes;

const PROGRAM: &str = env!("CARGO_BIN_EXE_salvo");

#[tokio::test]
async fn it_plays_the_conversation() {
    beside_routes::plays_the_conversation(PROGRAM).await;
}

#[tokio::test]
async fn it_serves_beside_its_other_routes_until_sigterm() {
    beside_routes::serves_until_sigterm(PROGRAM).await;
}

#[tokio::test]
async fn a_path_that_looks_like_a_pattern_matches_only_itself() {
    beside_routes::compares_the_path_as_it_is(PROGRAM).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a11_it_outlives_a_stranger_with_more_connections_than_it_allows() {
    // salvo gives open requests a minute at a stop, those of which only a part came included.
    let _held = program::outlives(PROGRAM, 320, 400).await;
}
