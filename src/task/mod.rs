//! What waits, and what it waits for: deadlines, back-off, queues by key, panics as values.

pub(crate) mod backoff;
mod deadline;
pub(crate) mod keyed_queue;
pub(crate) mod shrinking_map;
pub(crate) mod sync;

pub use self::deadline::Deadline;
