//! Bodies: those that are sent in chunks, multipart forms, and reading one with limits.

pub(crate) mod bytes;
pub(crate) mod chunks;
pub(crate) mod collect;
pub(crate) mod multipart;
