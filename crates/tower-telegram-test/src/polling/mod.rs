//! `getUpdates`, and the queue of the updates that wait for it.

pub(crate) mod get_updates;
pub(crate) mod queue;
