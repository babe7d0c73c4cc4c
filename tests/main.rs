//! The rows of `tests/conformance.md` over each server: plain `oneshot`, hyper and axum.
//!
//! A test's name begins with its row, and ends with the server if the row is tested over several. Rows
//! about a request are in files that name no server, so that the workspace member in `tests/compat` runs
//! them over its own.

// Helpers fail a test like the test itself; clippy knows only the latter.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

/// Helpers that tests share: servers, scripted peers, generated updates.
mod support {
    pub(crate) mod adapter;
    pub(crate) mod bodies;
    pub(crate) mod for_each_server;
    // Methods are generated only for tests of the client.
    #[cfg_attr(not(feature = "client"), allow(dead_code))]
    pub(crate) mod generate;
    #[cfg(feature = "tokio")]
    pub(crate) mod get_updates;
    pub(crate) mod log;
    #[cfg(feature = "metrics")]
    pub(crate) mod metrics;
    #[cfg(all(feature = "redis", unix))]
    #[allow(dead_code, clippy::unwrap_used)] // the tests of all engines share it
    pub(crate) mod queue;
    #[cfg(feature = "tokio")]
    #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
    pub(crate) mod recorder;
    #[cfg(feature = "reqwest")]
    pub(crate) mod reqwest_client;
    #[cfg(feature = "client")]
    pub(crate) mod scripted;
    pub(crate) mod servers;
    pub(crate) mod text;
    #[cfg(feature = "client")]
    pub(crate) mod tls;
    pub(crate) mod wire;
}

/// Rows A: admission of requests.
mod admission {
    mod privacy;
    pub(crate) mod secret;
    mod source_ip;
    mod timing;
}

/// Rows B and C: reading and filtering updates.
mod reading {
    mod containers;
    mod doubles;
    pub(crate) mod envelope;
    mod foreign_errors;
    pub(crate) mod gzip;
    mod kinds;
    mod misfits;
    mod nulls;
    mod older_server;
    mod requests;
    mod schema;
    mod wanted;
}

/// Rows D: each update once, in order, and in time.
mod delivery {
    #[cfg(feature = "client")]
    mod after_response;
    #[cfg(feature = "tokio")]
    mod deadline;
    #[cfg(feature = "tokio")]
    mod events;
    #[cfg(feature = "tokio")]
    mod faults;
    #[cfg(feature = "tokio")]
    mod hang_ups;
    #[cfg(feature = "client")]
    mod misplaced;
    #[cfg(feature = "client")]
    mod outcome;
    #[cfg(feature = "client")]
    mod redelivery;
    #[cfg(feature = "tokio")]
    mod sequence;
    #[cfg(feature = "client")]
    mod settings;
    #[cfg(feature = "tokio")]
    pub(crate) mod stores;
}

/// Rows E: replies and responses.
mod reply {
    mod responses;
    #[cfg(feature = "client")]
    mod sent;
}

/// Rows F: calls of the Bot API.
mod client {
    #[cfg(feature = "client")]
    pub(crate) mod answers;
    #[cfg(feature = "client")]
    mod cancelled;
    #[cfg(feature = "client")]
    mod causes;
    #[cfg(feature = "client")]
    pub(crate) mod every_method;
    #[cfg(feature = "client")]
    mod files;
    #[cfg(feature = "tokio")]
    mod layers;
    #[cfg(feature = "tokio")]
    mod limits;
    #[cfg(feature = "client")]
    mod local_server;
    #[cfg(feature = "client")]
    mod methods;
    #[cfg(feature = "client")]
    mod odd_files;
    #[cfg(feature = "client")]
    mod other_servers;
    #[cfg(feature = "client")]
    mod refusals;
    #[cfg(feature = "client")]
    mod refusals_in_layers;
    #[cfg(feature = "client")]
    mod texts;
    #[cfg(feature = "client")]
    pub(crate) mod token;
    #[cfg(feature = "client")]
    mod transport;
    #[cfg(feature = "client")]
    pub(crate) mod typed;
    #[cfg(feature = "client")]
    mod uploads;
}

/// Rows G: registration of the webhook.
#[cfg(feature = "client")]
mod registration {
    mod webhook;
}

/// The contract of `Service`, and whole bots.
mod servers {
    #[cfg(all(feature = "axum", feature = "tokio"))]
    mod axum_route;
    pub(crate) mod oneshot;
    #[cfg(feature = "client")]
    mod people;
    mod polled_again;
    mod readiness;
}

#[cfg(feature = "client")]
mod polling;
#[cfg(all(feature = "redis", unix))]
mod replicas;
#[cfg(feature = "client")]
mod router;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "tokio")]
mod simulation;
#[cfg(feature = "tokio")]
mod trace;
