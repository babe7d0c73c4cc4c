//! What waits, and what it waits for: deadlines, back-off, queues by key, panics as values.

pub(crate) mod backoff;
pub(crate) mod catch_unwind;
mod deadline;
pub(crate) mod keyed_queue;
pub(crate) mod newest_map;
pub(crate) mod number_hash;
pub(crate) mod sync;

pub use self::deadline::Deadline;
