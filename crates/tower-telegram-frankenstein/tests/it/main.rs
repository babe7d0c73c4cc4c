//! frankenstein's methods through the client, and its updates through the webhook, against a Telegram on loopback.
#![allow(clippy::unwrap_used, clippy::panic)]

mod calls;
mod example;
mod updates;
