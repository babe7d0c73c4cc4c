//! Bodies: those that are sent in chunks, multipart forms, and reading one with limits.
//!
//! There is no single body type for the crate, because each has something that the others must not have: a
//! webhook's `ReplyBody` shows its reply to the layers above, the client's `ApiBody` can be sent again and records how
//! much was sent, the server's `RequestBody` hides hyper's, and the bodies of responses and downloads are those of the
//! transport, with time-outs. The parts that they share are in these modules.

pub(crate) mod bytes;
pub(crate) mod chunks;
pub(crate) mod collect;
pub(crate) mod multipart;
