//! The webhook: its methods and settings, the order in which updates are sent to it, and the requests with their
//! connections.

pub(crate) mod attempt;
pub(crate) mod backoff;
pub(crate) mod certificate;
pub(crate) mod certificate_names;
pub(crate) mod connection;
pub(crate) mod connection_ramp;
pub(crate) mod delivery;
pub(crate) mod methods;
pub(crate) mod pending_update;
pub(crate) mod punycode;
pub(crate) mod raw_request;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod sender;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod tls;
pub(crate) mod url;
