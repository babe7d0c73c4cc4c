//! The rows of tower-telegram's own tests behind tonic's server, and the update types of other crates.

// Helpers fail a test like the test itself; clippy knows only the latter.
#![allow(clippy::expect_used, clippy::panic)]
// The shared files have functions that aren't used here.
#![allow(dead_code)]

mod foreign;
mod formats;
mod grpc;
mod limits;

#[path = "../support"]
mod support {
    pub(crate) mod adapter;
    pub(crate) mod bodies;
    pub(crate) mod for_each_server;
    pub(crate) mod generate;
    pub(crate) mod log;
    pub(crate) mod scripted;
    #[path = "../compat/servers.rs"]
    pub(crate) mod servers;
    pub(crate) mod text;
    pub(crate) mod wire;
}

#[path = "../admission"]
mod admission {
    mod privacy;
    pub(crate) mod secret;
    mod source_ip;
}

#[path = "../reading"]
mod reading {
    pub(crate) mod envelope;
    mod kinds;
    mod misfits;
    mod nulls;
    mod requests;
    mod wanted;
}

#[path = "../delivery"]
mod delivery {
    mod faults;
    mod outcome;
    mod redelivery;
    mod sequence;
}

#[path = "../reply"]
mod reply {
    mod responses;
    mod sent;
}
