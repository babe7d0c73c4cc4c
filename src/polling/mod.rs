//! Updates fetched with getUpdates, into the same stack as the webhook's.
//!
//! For development without a public address, and as a fallback. The handler is the inner stack that
//! a webhook has below [`UpdateLayer`](crate::webhook::UpdateLayer): a
//! `Service<http::Request<RawUpdate>>` that answers with a [`ReplyBody`].
//!
//! 1. A batch is fetched with a long poll. Its updates are handled at the same time, those of one
//!    chat one after the other.
//! 2. An update is done with a 2xx, as with a webhook. A reply is sent through the client.
//! 3. One that isn't is tried again after a pause (`Retry-After`, or 1 s doubled up to 60 s), five
//!    times unless told otherwise; then [`on_failed`](Polling::on_failed) has it, and it counts as
//!    done, as nothing that comes after it could be confirmed otherwise.
//!    What a layer had no room, lock, store or time for is tried again for as long as it takes, and never
//!    counted; a failure that a repeat can't change is abandoned at once.
//! 4. A batch is confirmed, by fetching the next, once all of it is done. So a crash loses nothing,
//!    and can have a batch handled twice.
//! 5. An error that time can mend (the network's, 429, 5xx) is followed by a pause and another try,
//!    for as long as it takes. So is the conflict with another getUpdates, up to ten times, as two
//!    programs meet for a moment when one takes over from the other. Any other error ends it, such as
//!    the conflict with a webhook: delete that first, or have it
//!    [deleted](Polling::delete_webhook).
//! 6. On shutdown the long poll is dropped, nothing is tried again, what runs is waited for, and what
//!    was done is confirmed.
//!
//! # Example
//!
//! ```no_run
//! use tower_telegram::{
//!     Client,
//!     methods::SendMessage,
//!     polling::Polling,
//!     types::Update,
//!     webhook::{SecretToken, Webhook},
//! };
//!
//! # async fn run(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let webhook = Webhook::new(SecretToken::new("swordfish")?).handler(async |update: Update| {
//!     let message = update.message()?;
//!     Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
//! });
//! // The same handler without a webhook's door.
//! Polling::new(client).run(webhook.into_updates()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! See [getUpdates](https://core.telegram.org/bots/api#getupdates).

mod batch;
mod fetch;
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

use self::{
    batch::{Batch, BatchEnd},
    fetch::Fetcher,
    settings::PollingSettings,
};
use crate::{
    Client,
    client::Error,
    types::AllowedUpdates,
    webhook::{RawUpdate, ReplyBody},
};

/// Fetches updates and has them handled. See the [module](self).
#[derive(Clone)]
#[must_use = "nothing is fetched until it runs"]
pub struct Polling {
    settings: PollingSettings,
}

impl Polling {
    /// Fetches through this client. Don't put a `tower::timeout` shorter than
    /// [`timeout`](Self::timeout) around its calls.
    pub fn new(client: Client) -> Self {
        Self {
            settings: PollingSettings {
                client,
                allowed_updates: AllowedUpdates::DEFAULT,
                timeout: Duration::from_secs(50),
                limit: 100,
                concurrency: 40,
                max_attempts: 5,
                shutdown_timeout: Duration::from_secs(30),
                delete_webhook: false,
                on_failed: None,
            },
        }
    }

    /// Which types of update are fetched; Telegram's own choice unless told otherwise. Updates that
    /// came before it was told still come.
    pub fn allowed_updates(mut self, allowed: impl Into<AllowedUpdates>) -> Self {
        self.settings.allowed_updates = allowed.into();
        self
    }

    /// How long Telegram may wait for an update before it answers with none: whole seconds, at most
    /// 50, which is what it is unless told otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout.min(Duration::from_secs(50));
        self
    }

    /// How many updates are fetched at once: 1 to 100, which is what it is unless told otherwise.
    pub fn limit(mut self, limit: u8) -> Self {
        self.settings.limit = limit.clamp(1, 100);
        self
    }

    /// How many chats are served at the same time; 40 unless told otherwise, as with a webhook. 0
    /// counts as 1.
    pub fn concurrency(mut self, chats: usize) -> Self {
        self.settings.concurrency = chats.max(1);
        self
    }

    /// How often an update is handed to the handler before it is given up; 5 unless told otherwise.
    /// 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts.max(1);
        self
    }

    /// How long what runs is waited for on shutdown; 30 s unless told otherwise. What is cut off then
    /// comes again next time.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.settings.shutdown_timeout = limit;
        self
    }

    /// Deletes a webhook that is set, where it would be in the way. Updates that wait for it are
    /// kept, and fetched.
    pub fn delete_webhook(mut self) -> Self {
        self.settings.delete_webhook = true;
        self
    }

    /// What is called with an update that was given up.
    pub fn on_failed(mut self, hook: impl Fn(&RawUpdate) + Send + Sync + 'static) -> Self {
        self.settings.on_failed = Some(Arc::new(hook));
        self
    }

    /// Runs until an error ends it. Must be called within a Tokio runtime; the handlers run on tasks
    /// of their own.
    ///
    /// # Errors
    ///
    /// When Telegram refuses getUpdates for good: see the [module](self).
    pub async fn run<S>(self, service: S) -> Result<Infallible, Error>
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

    /// Runs until an error ends it, or `shutdown` is ready.
    ///
    /// # Errors
    ///
    /// When Telegram refuses getUpdates for good: see the [module](self).
    pub async fn run_until<S, F>(self, service: S, shutdown: F) -> Result<(), Error>
    where
        S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        F: Future<Output = ()>,
    {
        let mut shutdown = pin!(shutdown);
        let mut fetcher = Fetcher::new(&self.settings);
        loop {
            let updates = tokio::select! {
                biased;
                () = &mut shutdown => break,
                updates = fetcher.next() => updates?,
            };
            let mut batch = Batch::start(&self.settings, &service, updates);
            match batch.run_until(&mut shutdown).await {
                BatchEnd::Done { confirmed } => fetcher.confirm(confirmed),
                BatchEnd::Stopped { confirmed } => {
                    fetcher.confirm(confirmed);
                    break;
                }
            }
        }
        fetcher.finish().await;
        Ok(())
    }
}

impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("allowed_updates", &self.settings.allowed_updates)
            .field("timeout", &self.settings.timeout)
            .field("limit", &self.settings.limit)
            .field("concurrency", &self.settings.concurrency)
            .field("max_attempts", &self.settings.max_attempts)
            .finish_non_exhaustive()
    }
}
