//! The server of the Bot API: requests, the arguments and files of calls, their responses, and the log of calls.

pub(crate) mod allowed_updates;
pub(crate) mod answer;
pub(crate) mod args;
pub(crate) mod call;
pub(crate) mod call_log;
pub(crate) mod files;
pub(crate) mod overrides;
pub(crate) mod route;
pub(crate) mod server;
pub(crate) mod sha256;
pub(crate) mod typed;
pub(crate) mod typed_calls;
pub(crate) mod uploaded_file;
