//! Building blocks of the client and the webhook: a clock, deadlines, back-off, queues by key, random numbers, and a map
//! that shrinks.

#[cfg(feature = "tokio")]
pub(crate) mod backoff;
pub(crate) mod clock;
#[cfg(feature = "tokio")]
mod deadline;
#[cfg(feature = "tokio")]
pub(crate) mod keyed_queue;
mod poll;
pub(crate) mod random;
#[cfg(feature = "tokio")]
pub(crate) mod shrinking_map;
#[cfg(feature = "tokio")]
pub(crate) mod sync;

#[cfg(feature = "tokio")]
pub use self::deadline::Deadline;
pub(crate) use self::poll::polled_after_completion;
