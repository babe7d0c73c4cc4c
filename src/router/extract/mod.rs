//! What handlers can have as arguments.

pub(super) mod arguments;
pub(super) mod callback;
pub(super) mod command;
pub(super) mod compact;
pub(super) mod payload;
pub(super) mod values;
