//! The arguments that handlers can have.

pub(super) mod arguments;
pub(super) mod callback;
pub(super) mod command;
pub(super) mod deep_link;
pub(super) mod payload;
pub(super) mod values;
