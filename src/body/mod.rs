//! Bodies: what replies and calls are made of, and what is read of those that come.

pub(crate) mod chunks;
pub(crate) mod collect;
pub(crate) mod multipart;
