//! Updates fetched with getUpdates, into the same stack as the webhook's.
//!
//! For development without a public address, and as a fallback. The handler is the inner stack that
//! a webhook has below [`UpdateLayer`](crate::webhook::UpdateLayer): a
//! `Service<http::Request<RawUpdate>>` that answers with a [`ReplyBody`].
//!
//! 1. A chat's updates (or else a user's) are handled one after the other, and chats beside one another, 40 at once
//!    by default. A chat whose handler is slow, fails or never ends holds up itself alone: the others' updates are
//!    fetched and handled meanwhile.
//! 2. An update has ended with a 2xx, as with a webhook. A reply is sent through the client.
//! 3. One that fails is tried again after a pause (`Retry-After`, or 1 s doubled up to 60 s), five times by default;
//!    then [`on_failed`](Polling::on_failed) gets it, and it has ended. A failure that a repeat can't change is
//!    abandoned at once. What a layer had no room, lock, store or time for is tried again for as long as it takes,
//!    and never counted. A handler that still runs has not failed: `DeadlineLayer` steps aside. One that hangs is
//!    ended by [`HandlerTimeoutLayer`](crate::webhook::HandlerTimeoutLayer), in `Webhook` after an hour.
//! 4. Nothing is confirmed to Telegram before it has ended. So a crash loses nothing, and what ended since the oldest
//!    update that was open is fetched again. A [`DeliveryLayer`](crate::webhook::DeliveryLayer) below, as `Webhook`
//!    has it, doesn't handle that again if its store outlives the process, as one in Redis does; a reply that the
//!    crash kept from being sent isn't sent later. The store also counts attempts, so that an update that ends its
//!    process each time is abandoned. [`max_attempts`](Polling::max_attempts) is said here and not there; the
//!    layer's dead-letter hook is called as well as `on_failed`.
//! 5. What can't be read (it isn't JSON or UTF-8, or has no payload) is passed over and logged, and
//!    [`on_unreadable`](Polling::on_unreadable) gets its bytes. It is confirmed by its number if it has one.
//! 6. An answer that isn't the Bot API's, whatever its status, and an error that time can mend (the network's, 429,
//!    5xx) are followed by a pause and another try, for as long as it takes. So is the conflict with another
//!    getUpdates, up to ten times in a row, as two programs meet for a moment when one takes over from the other. Any
//!    other refusal in the Bot API's own words ends polling, such as the conflict with a webhook: delete that first,
//!    or have it [deleted](Polling::delete_webhook).
//! 7. On shutdown, and when an error ends it, nothing more is fetched, what runs is waited for, and what has ended is
//!    confirmed. Confirming an update confirms all before it, so those that came before one that runs or has ended are
//!    handled too. Telegram gives out the rest again next time.
//!
//! # The window
//!
//! Telegram confirms updates by their order alone: asked for what comes after one, it forgets that one and all
//! before it, and it gives out no more than 100 from there on. So while an update is open, at most the 99 behind it
//! can be fetched and handled, in at most 16 MiB; what comes after those waits until it has ended. A bot whose
//! handlers may take minutes under load puts an `UpdateQueue` (feature `redis`) behind polling, whose
//! `service` takes an update in a moment, or bounds its handlers by a shorter timeout.
//!
//! With nothing open, a call waits at Telegram until an update comes. With an update open Telegram answers at once,
//! with that one and all behind it. So calls are then paced: the next follows 0.6 s after an answer with something
//! new, and up to 2.4 s after one without; at once when more than half of a full window has ended; and 10 s after
//! an answer that was full and has nothing new. That is by how much an update in another chat may be late while one
//! is open.
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

mod age;
mod attempt;
mod fetch;
mod loose_json;
mod pace;
mod page;
mod run;
mod settings;
mod window;

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

pub use self::page::UnreadableUpdate;
use self::{run::PollingRun, settings::PollingSettings};
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
                max_age: None,
                shutdown_timeout: Duration::from_secs(30),
                delete_webhook: false,
                drop_pending: false,
                on_failed: None,
                on_unreadable: None,
            },
        }
    }

    /// Which types of update are fetched. Default: Telegram's own choice. Updates that came before
    /// it was told are still fetched.
    pub fn allowed_updates(mut self, allowed: impl Into<AllowedUpdates>) -> Self {
        self.settings.allowed_updates = allowed.into();
        self
    }

    /// How long Telegram may wait for an update before it answers with none: whole seconds, at most
    /// 50. Default: 50 s. With 0 it is asked every few seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout.min(Duration::from_secs(50));
        self
    }

    /// How many new updates are fetched at once: 1 to 100. Default: 100.
    pub fn limit(mut self, limit: u8) -> Self {
        self.settings.limit = limit.clamp(1, fetch::MAX_LIMIT);
        self
    }

    /// How many chats are served at the same time. Default: 40, as with a webhook. 0 counts as 1; no more than
    /// 100 updates are ever in hand.
    pub fn concurrency(mut self, chats: usize) -> Self {
        self.settings.concurrency = chats.max(1);
        self
    }

    /// How often an update is handed to the handler before it is abandoned. Default: 5. 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts.max(1);
        self
    }

    /// Passes over updates that are older than this when they are fetched: they are confirmed without being
    /// handled, and logged as a warning. Default: none is too old.
    ///
    /// Their age is that of their date, in whole seconds by this machine's clock. Updates without a date of their
    /// own, such as pressed buttons, inline queries and polls, are handled whatever their age.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.settings.max_age = Some(age);
        self
    }

    /// How long handlers that run are waited for on shutdown. Default: 30 s. The updates of those that are cut
    /// off then are fetched again next time.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.settings.shutdown_timeout = limit;
        self
    }

    /// Deletes a webhook that is set, where it would be in the way. Updates that wait for it are
    /// kept, and fetched. It is done once: if the webhook is set again, polling ends.
    pub fn delete_webhook(mut self) -> Self {
        self.settings.delete_webhook = true;
        self
    }

    /// Drops the updates that wait at Telegram when polling starts, unhandled. What comes after that is
    /// handled.
    pub fn drop_pending(mut self) -> Self {
        self.settings.drop_pending = true;
        self
    }

    /// What is called with an update that was abandoned. It should return quickly; a panic in it is logged.
    pub fn on_failed(mut self, hook: impl Fn(&RawUpdate) + Send + Sync + 'static) -> Self {
        self.settings.on_failed = Some(Arc::new(hook));
        self
    }

    /// What is called with an element of Telegram's answer that is no update, and is passed over. It should
    /// return quickly; a panic in it is logged.
    ///
    /// One without a readable number can't be confirmed by itself. It is told of once, and given out again by
    /// Telegram until an update behind it is confirmed; a restart before that tells of it again.
    pub fn on_unreadable(
        mut self,
        hook: impl Fn(&UnreadableUpdate) + Send + Sync + 'static,
    ) -> Self {
        self.settings.on_unreadable = Some(Arc::new(hook));
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

    /// Runs until an error ends it, or `shutdown` is ready. Then what runs is waited for, and what has ended is
    /// confirmed, for at most 10 s more.
    ///
    /// Dropped while it runs, it cuts its handlers off and confirms nothing, as if the process had died.
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
        let mut run = PollingRun::new(self.settings, service);
        let ended = run.until(pin!(shutdown)).await;
        run.finish().await;
        ended
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
            .field("max_age", &self.settings.max_age)
            .finish_non_exhaustive()
    }
}
