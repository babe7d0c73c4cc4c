//! Workers, which take updates out of the queue and call the handler with them.

mod ahead;
mod attempt;
mod claims_time;
mod depth;
mod entry;
mod failed_call;
mod heartbeat;
mod partition;
mod queued_chat;
mod records;
mod run;
mod settings;
mod timed_reader;

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
use super::{
    error::QueueError,
    reader::{ErasedReader, QueueReader},
};
use crate::{
    Client,
    webhook::{BotId, RawUpdate, ReplyBody},
};

/// The shortest limit for a call: below it, every call would fail.
const MIN_CALL_TIMEOUT: Duration = Duration::from_millis(10);

/// Takes updates out of a queue and calls the handler with them. See the [module](super).
///
/// If it is dropped while it runs, its handlers are cut off, and other workers take its updates over when its claims
/// end, as if it had died. [`run_until`](Self::run_until) shuts down gracefully.
#[derive(Clone)]
#[must_use = "nothing is handled until it runs"]
pub struct Worker {
    settings: WorkerSettings,
}

impl Worker {
    /// A worker for the queue whose readers `open` makes: one for each call of [`run`](Self::run) or
    /// [`run_until`](Self::run_until). Replies are sent through `client`, because no webhook waits for them.
    pub fn new<R: QueueReader>(
        open: impl Fn() -> R + Send + Sync + 'static,
        client: Client,
    ) -> Self {
        Self {
            settings: WorkerSettings {
                open: Arc::new(move || Arc::new(open()) as Arc<dyn ErasedReader>),
                client,
                client_of: None,
                concurrency: 40,
                max_attempts: 5,
                poll_every: Duration::from_millis(50),
                shutdown_timeout: Duration::from_secs(30),
                call_timeout: Duration::from_secs(10),
                max_read_ahead_bytes: 16 << 20,
            },
        }
    }

    /// The client of each bot, if several share the queue. `None` means the worker's own client.
    pub fn client_of(
        mut self,
        client: impl Fn(BotId) -> Option<Client> + Send + Sync + 'static,
    ) -> Self {
        self.settings.client_of = Some(Arc::new(client));
        self
    }

    /// How many chats' updates are handled at the same time. Default: 40, like Telegram's connections to a webhook.
    /// 0 counts as 1.
    pub fn concurrency(mut self, chats: usize) -> Self {
        self.settings.concurrency = chats.max(1);
        self
    }

    /// How many attempts an update has before it is abandoned. Default: 5. 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts.max(1);
        self
    }

    /// How often a worker asks for updates while none wakes it, by one round trip: from every millisecond to once an
    /// hour. Default: every 50 ms, so that an update in an empty queue waits half of that on average.
    ///
    /// A worker that is sent a message for each update ([`QueueReader::reports_additions`]) is woken at once, and asks
    /// every second, or less often if that is set here, in case a message was lost.
    pub fn poll_every(mut self, pause: Duration) -> Self {
        let (shortest, longest) = (Duration::from_millis(1), Duration::from_secs(60 * 60));
        self.settings.poll_every = pause.clamp(shortest, longest);
        self
    }

    /// How long a shutdown waits for handlers that run, and for the calls of their replies. Default: 30 s. The updates
    /// of those that are cut off then are handled again by another worker, and the attempt isn't counted.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.settings.shutdown_timeout = limit;
        self
    }

    /// How long a call of the engine may take. Default: 10 s; at least 10 ms. A call that takes longer has failed, with an
    /// error whose [`is_timeout`](QueueError::is_timeout) is true in the log, and is made again. While the engine renews
    /// no claims, they end, and other workers get the partitions.
    ///
    /// The engines of this crate have a shorter limit of their own, of two seconds by default.
    pub fn call_timeout(mut self, limit: Duration) -> Self {
        self.settings.call_timeout = limit.max(MIN_CALL_TIMEOUT);
        self
    }

    /// How many bytes of updates are read before their turn. Default: 16 MiB; each update counts with its JSON and
    /// 256 bytes.
    ///
    /// An engine may read updates together with the entries that wait, so that each is read once; the one over Redis does
    /// so. In a chat with many updates, up to 31 are read with one round trip, so that their attempts don't each wait for
    /// one. An update that doesn't fit is read when its turn comes. With 0 no update is read ahead. An update that is
    /// being handled doesn't count, and one call brings up to 1 MiB or 128 updates more, which are dropped if they don't
    /// fit.
    pub fn max_read_ahead_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_read_ahead_bytes = bytes;
        self
    }

    /// Runs until an error ends it. Must be called within a Tokio runtime; the handlers run on tasks
    /// of their own.
    ///
    /// While the queue can't be reached, no attempt begins, and it is tried again for as long as it takes.
    ///
    /// # Errors
    ///
    /// When the queue has another number of partitions, or settings that it can't have.
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

    /// Runs until an error ends it, or `shutdown` is ready. Then no attempt begins any more, and it waits for the
    /// handlers that run. Partitions are given back as soon as no handler runs in them, so that other workers go on
    /// there at once.
    ///
    /// # Errors
    ///
    /// When the queue has another number of partitions, or settings that it can't have. Then too it waits for the
    /// handlers that run, at most until its claims end, and records their updates.
    pub async fn run_until<S, F>(self, service: S, shutdown: F) -> Result<(), QueueError>
    where
        S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        F: Future<Output = ()>,
    {
        let mut run = WorkerRun::new(self.settings, service);
        let ended = run.until(pin!(shutdown)).await;
        let limit = run.shutdown_timeout();
        let limit = match &ended {
            Ok(()) => limit,
            // An update that is done but not recorded would be handled again. The claims aren't renewed any more, and
            // after them another worker would handle the same updates.
            Err(_) => limit.min(run.claims_left()),
        };
        run.drain(limit).await;
        ended
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("concurrency", &self.settings.concurrency)
            .field("max_attempts", &self.settings.max_attempts)
            .field("poll_every", &self.settings.poll_every)
            .field("shutdown_timeout", &self.settings.shutdown_timeout)
            .field("call_timeout", &self.settings.call_timeout)
            .field("max_read_ahead_bytes", &self.settings.max_read_ahead_bytes)
            .finish_non_exhaustive()
    }
}
