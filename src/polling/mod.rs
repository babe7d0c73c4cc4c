//! Long polling: updates fetched with getUpdates and handled by the same stack as the webhook's.
//!
//! For development without a public address, and as a fallback. The handler is the inner stack that
//! a webhook has below [`UpdateLayer`](crate::webhook::UpdateLayer): a
//! `Service<http::Request<RawUpdate>>` that responds with a [`ReplyBody`].
//!
//! 1. The updates of a chat (or else of a user) are handled one after the other, those of up to 40 chats at the same
//!    time by default. A chat whose handler is slow, fails or never ends holds up itself alone: other chats' updates
//!    are fetched and handled meanwhile.
//! 2. An update is done when its handler has responded with a 2xx, as with a webhook, and the call of its reply through
//!    the client has ended. A reply that Telegram can't have received, because the connection failed before or the call
//!    was over a limit, is sent again after a pause, for up to 20 s and until a shutdown; then it is lost, which is
//!    logged as an error, and its update is done. One that was refused, or that may have arrived, isn't sent again.
//! 3. An update whose handler fails is tried again after a pause (`Retry-After`, or 1 s doubled up to 60 s), five
//!    times by default; then the [dead-letter hook](Polling::dead_letter) gets it, and it is done. A failure that a repeat
//!    can't change abandons the update at once. A response that says a layer had no room, lock, store or time is
//!    followed by another attempt for as long as it takes, and never counted. A handler that still runs has not
//!    failed: `DeadlineLayer` does nothing here. One that hangs is ended by
//!    [`HandlerTimeoutLayer`](crate::webhook::HandlerTimeoutLayer), in `Webhook` after an hour.
//! 4. An update is confirmed to Telegram only when it and all before it are done. So a crash loses no update, and
//!    those that were done behind an open one are fetched again. A [`DeliveryLayer`](crate::webhook::DeliveryLayer)
//!    below, which `Webhook` has, doesn't handle them again if its store outlives the process, for example in Redis.
//!    The store records an update once the call of its reply has ended, and its claim is held until then. So a second
//!    process leaves the update alone while the first sends the reply; and after a crash before the record, the next
//!    process runs the handler again, and sends its reply, which Telegram may have received before. The store also
//!    counts attempts, so that an update that ends its process each time is abandoned. Set
//!    [`max_attempts`](Polling::max_attempts) and the dead-letter hook here and not on the layer, whose own hook would be
//!    called as well.
//! 5. An element that can't be read (it isn't JSON or UTF-8, or has no payload) is skipped and logged, and
//!    [`on_unreadable`](Polling::on_unreadable) gets its bytes. It is confirmed by its number if it has one.
//! 6. A response that isn't the Bot API's, whatever its status, and an error that may pass (the network's, 429, 5xx)
//!    are followed by a pause and another call, for as long as it takes. So is the conflict with another getUpdates,
//!    up to ten times in a row, because two programs overlap for a moment when one replaces the other. Any
//!    other refusal in the Bot API's own words ends polling, for example the conflict with a webhook: delete that
//!    first, or have it [deleted](Polling::delete_webhook).
//! 7. On shutdown, and when an error ends it, polling fetches no more updates, waits for the handlers that run, and
//!    confirms the done updates. Confirming an update confirms all before it, so those that came before a running or
//!    done one are handled too. Telegram sends the others again next time.
//!
//! # The window
//!
//! Telegram confirms updates by their order alone: a call with an offset confirms all updates below the offset, and
//! returns at most 100 from there on. So while an update is open, at most the 99 behind it can be fetched and
//! handled, in at most 16 MiB; later ones wait until it is done. A bot whose handlers may take minutes under load
//! puts a `RedisQueue` (feature `redis`) behind polling, whose `service` takes an update in a moment, or gives its
//! handlers a shorter timeout.
//!
//! When no update is open, a call waits at Telegram until an update arrives. While one is open, Telegram responds at
//! once, with that one and all behind it. So calls are then paced: the next follows 0.6 s after a response with a new
//! update, and up to 2.4 s after one without; at once when more than half of a full window is done; and 10 s after
//! a response that was full and had no new update. An update in another chat may be late by that much while one is
//! open.
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
//!     let message = update.new_message()?;
//!     Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
//! });
//! // The same handler, without the checks of an HTTP request.
//! Polling::new(client).run(webhook.into_updates()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! See [getUpdates](https://core.telegram.org/bots/api#getupdates).

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
    webhook::{
        RawUpdate, ReplyBody,
        delivery::{DeadLetter, dead_letter::DeadLetterHook},
    },
};

/// Fetches updates and has them handled. See the [module](self).
#[derive(Clone)]
#[must_use = "nothing is fetched until it runs"]
pub struct Polling {
    settings: PollingSettings,
}

impl Polling {
    /// Polling through this client. A `tower::timeout` around the client's calls must be longer than
    /// [`timeout`](Self::timeout).
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
                dead_letter: None,
                on_unreadable: None,
            },
        }
    }

    /// Which types of update are fetched. Default: Telegram's own choice. Updates that arrived at Telegram before
    /// the first call are fetched whatever their type.
    pub fn allowed_updates(mut self, allowed: impl Into<AllowedUpdates>) -> Self {
        self.settings.allowed_updates = allowed.into();
        self
    }

    /// How long Telegram waits for an update before it responds without one: whole seconds, at most
    /// 50. Default: 50 s. With 0 there is a call every few seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout.min(Duration::from_secs(50));
        self
    }

    /// How many new updates are fetched at once: 1 to 100. Default: 100.
    pub fn limit(mut self, limit: u8) -> Self {
        self.settings.limit = limit.clamp(1, fetch::MAX_LIMIT);
        self
    }

    /// How many chats' updates are handled at the same time. Default: 40, like Telegram's connections to a webhook.
    /// 0 counts as 1; at most 100 updates are open in any case.
    pub fn concurrency(mut self, chats: usize) -> Self {
        self.settings.concurrency = chats.max(1);
        self
    }

    /// How many attempts an update has before it is abandoned. Default: 5. 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts.max(1);
        self
    }

    /// Skips updates that are older than this when they are fetched: they are confirmed without being
    /// handled, and logged as a warning. Default: no limit.
    ///
    /// Their age is that of their date, in whole seconds by this machine's clock. Updates without a date of their
    /// own, such as pressed buttons, inline queries and polls, are handled whatever their age.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.settings.max_age = Some(age);
        self
    }

    /// How long a shutdown waits for handlers that run, and for the calls of their replies. Default: 30 s. The updates of
    /// those that are cut off then are fetched again next time, and handled again.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.settings.shutdown_timeout = limit;
        self
    }

    /// Deletes a webhook that is set and keeps getUpdates from working. Updates that wait for the webhook are
    /// kept, and fetched. This is done once: if the webhook is set again, polling ends.
    pub fn delete_webhook(mut self) -> Self {
        self.settings.delete_webhook = true;
        self
    }

    /// Drops the updates that wait at Telegram when polling starts. Later ones are handled.
    pub fn drop_pending(mut self) -> Self {
        self.settings.drop_pending = true;
        self
    }

    /// A hook that takes each update that was abandoned, with the failure of its last attempt. Its chat waits for the hook,
    /// for five minutes at most. A hook that takes longer or panics is logged, and the update is done nevertheless.
    ///
    /// ```
    /// # use tower_telegram::{Client, polling::Polling};
    /// # fn polling(client: Client) -> Polling {
    /// Polling::new(client).dead_letter(|letter| async move {
    ///     eprintln!("update {} failed: {}", letter.update.update_id(), letter.failure);
    /// })
    /// # }
    /// ```
    pub fn dead_letter<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(DeadLetter) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.settings.dead_letter = Some(DeadLetterHook::new(hook));
        self
    }

    /// A hook that is called with each element of Telegram's response that is no update, and is skipped. It should
    /// return quickly; a panic in it is logged.
    ///
    /// An element without a readable number can't be confirmed by itself. The hook is called once for it, though
    /// Telegram sends it again until an update behind it is confirmed; after a restart before that it is called
    /// again.
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
    /// When Telegram refuses getUpdates in a way that no later call can change: see the [module](self), 6.
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

    /// Runs until an error ends it, or `shutdown` is ready. Then it waits for the handlers that run, up to
    /// [`shutdown_timeout`](Self::shutdown_timeout), and confirms the done updates, for at most 10 s more.
    ///
    /// Dropped while it runs, it cuts its handlers off and confirms nothing, as if the process had died.
    ///
    /// # Errors
    ///
    /// When Telegram refuses getUpdates in a way that no later call can change: see the [module](self), 6.
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
