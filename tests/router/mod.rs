//! Rows J: bots with a router, behind each server, polling and the queue.

// Shared functions fail a test as the test itself would.
#![allow(clippy::unwrap_used)]

mod bot;
mod commands;
mod conversations;
mod errors;
mod sessions;
mod ways;
