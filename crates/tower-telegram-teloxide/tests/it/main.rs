//! A teloxide bot behind tower-telegram, against a Telegram on loopback.
#![allow(clippy::unwrap_used, clippy::panic)]

mod calls;
mod ends;
mod errors;
mod example;
mod many;
mod registration;
mod support;
