//! The trait by which the suite uses an engine.

use std::time::Duration;

use tower_telegram::{
    Client,
    queue::{QueueWriter, QueuedDeadLetter, Worker},
};

use crate::queue::SECOND;

/// The lease of all queues.
pub(crate) const LEASE: Duration = SECOND;

/// An engine with an empty queue.
pub(crate) trait Engine: Send + Sync + Sized + 'static {
    type Writer: QueueWriter + Clone;

    async fn start(options: Options) -> Self;

    /// The queue, over a connection of the runtime that this is called in.
    fn writer(&self) -> impl Future<Output = Self::Writer> + Send;

    /// A worker, over a connection of the runtime that this is called in.
    fn worker(&self, client: Client) -> impl Future<Output = Worker> + Send;

    /// How many updates wait or are being handled.
    async fn updates(&self) -> usize;

    /// All of them, the oldest first.
    async fn dead_letters(&self) -> Vec<QueuedDeadLetter>;
}

/// The options of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) partitions: u16,
    pub(crate) max_backlog: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            partitions: 8,
            max_backlog: 100_000,
        }
    }
}
