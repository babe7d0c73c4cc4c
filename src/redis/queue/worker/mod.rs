//! Takes updates out of the queue, and has them handled.

mod attempt;
mod partition;
mod queued_chat;
mod run;
mod settings;

use std::{
    convert::Infallible,
    fmt,
    future::{self, Future},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use http::{Request, Response};
use tower::BoxError;
use tower_service::Service;

use self::{run::WorkerRun, settings::WorkerSettings};
use super::{error::QueueError, update_queue::UpdateQueue};
use crate::{
    Client,
    webhook::{BotId, RawUpdate, ReplyBody},
};

impl UpdateQueue {
    /// Takes updates out of the queue. Replies are sent through `client`, as no webhook waits for them.
    pub fn worker(&self, client: Client) -> Worker {
        Worker {
            settings: WorkerSettings {
                queue: self.clone(),
                client,
                client_of: None,
                concurrency: 40,
                max_attempts: 5,
                poll_every: Duration::from_millis(50),
                shutdown_timeout: Duration::from_secs(30),
            },
        }
    }
}

/// Takes updates out of an [`UpdateQueue`], and has them handled. See the [module](super).
///
/// Dropped while it runs, it cuts its handlers off, and others take its updates over when its claims have
/// run out, as if it had died. [`run_until`](Self::run_until) ends well.
#[derive(Clone)]
#[must_use = "nothing is handled until it runs"]
pub struct Worker {
    settings: WorkerSettings,
}

impl Worker {
    /// The client of each bot, where several share the queue; with `None`, the worker's own.
    pub fn client_of(
        mut self,
        client: impl Fn(BotId) -> Option<Client> + Send + Sync + 'static,
    ) -> Self {
        self.settings.client_of = Some(Arc::new(client));
        self
    }

    /// How many chats are served at the same time. Default: 40, as with a webhook. 0 counts as 1.
    pub fn concurrency(mut self, chats: usize) -> Self {
        self.settings.concurrency = chats.max(1);
        self
    }

    /// How often an update is handed to the handler before it is abandoned. Default: 5. 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts.max(1);
        self
    }

    /// How often an empty queue is looked at, by one round trip: from every millisecond to once an hour.
    /// Default: every 50 ms. An update that comes into an empty queue waits half of that on average.
    pub fn poll_every(mut self, pause: Duration) -> Self {
        let (shortest, longest) = (Duration::from_millis(1), Duration::from_secs(60 * 60));
        self.settings.poll_every = pause.clamp(shortest, longest);
        self
    }

    /// How long handlers that run are waited for on shutdown. Default: 30 s. The updates of those that are cut off
    /// then are handled again by another worker, and the attempt isn't counted.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.settings.shutdown_timeout = limit;
        self
    }

    /// Runs until an error ends it. Must be called within a Tokio runtime; the handlers run on tasks
    /// of their own.
    ///
    /// While Redis can't be asked, nothing is begun, and it is asked again, for as long as it takes.
    ///
    /// # Errors
    ///
    /// When the queue was made with another number of partitions.
    pub async fn run<S>(self, service: S) -> Result<Infallible, QueueError>
    where
        S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        loop {
            self.clone()
                .run_until(service.clone(), future::pending())
                .await?;
        }
    }

    /// Runs until an error ends it, or `shutdown` is ready. Then nothing more is begun, and what runs is
    /// waited for. Partitions are given back as soon as nothing runs in them, so that others go on there
    /// at once.
    ///
    /// # Errors
    ///
    /// When the queue was made with another number of partitions.
    pub async fn run_until<S, F>(self, service: S, shutdown: F) -> Result<(), QueueError>
    where
        S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        F: Future<Output = ()>,
    {
        let mut run = WorkerRun::new(self.settings, service);
        run.until(pin!(shutdown)).await?;
        run.drain().await;
        Ok(())
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("queue", &self.settings.queue)
            .field("concurrency", &self.settings.concurrency)
            .field("max_attempts", &self.settings.max_attempts)
            .field("poll_every", &self.settings.poll_every)
            .field("shutdown_timeout", &self.settings.shutdown_timeout)
            .finish_non_exhaustive()
    }
}
