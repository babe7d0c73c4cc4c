//! The settings of a worker.

use std::{sync::Arc, time::Duration};

use crate::{Client, queue::reader::ErasedReader, webhook::BotId};

/// Finds the client of a bot, if several share a queue.
pub(super) type ClientOf = Arc<dyn Fn(BotId) -> Option<Client> + Send + Sync>;

/// Makes the reader of a worker that starts.
pub(super) type OpenReader = Arc<dyn Fn() -> Arc<dyn ErasedReader> + Send + Sync>;

#[derive(Clone)]
pub(super) struct WorkerSettings {
    pub(super) open: OpenReader,
    pub(super) client: Client,
    pub(super) client_of: Option<ClientOf>,
    pub(super) concurrency: usize,
    pub(super) max_attempts: u32,
    pub(super) poll_every: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) call_timeout: Duration,
    pub(super) max_read_ahead_bytes: usize,
}

impl WorkerSettings {
    pub(super) fn client_for(&self, bot: Option<BotId>) -> Client {
        let other = self.client_of.as_ref().zip(bot);
        let other = other.and_then(|(client_of, bot)| client_of(bot));
        other.unwrap_or_else(|| self.client.clone())
    }
}
