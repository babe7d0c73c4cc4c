//! [`Telegram`], the handle of the server on loopback: webhook, updates, files, calls and time.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::{task::AbortHandle, time::timeout};

use crate::{
    bot_api::{
        answer::Answer,
        args::Args,
        call::Call,
        files::{FileContent, FileDownload},
    },
    error::{Error, Exchange, ExchangeOutcome},
    faults::Faults,
    state::State,
    webhook::{attempt::Attempt, raw_request::RawRequest, settings::WebhookSettings},
};

/// A Telegram server on loopback. Clones are handles of the same server, which ends with the last of them.
///
/// Users and chats are made by [`user`](Self::user), [`group`](Self::group) and their siblings. The methods
/// below are for tests of single updates and calls, and for faults.
///
/// ```
/// use tower_telegram_test::{Telegram, update};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_telegram_test::Error> {
/// let telegram = Telegram::start().await?;
/// let update_id = telegram.enqueue(update::text(7, "hello"))?;
/// // A bot would now get the update from `getUpdates` at `telegram.api_url()`.
/// assert_eq!(telegram.pending_updates(), 1);
/// assert!(telegram.calls().is_empty());
/// # let _ = update_id;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Telegram {
    pub(super) inner: Arc<TelegramInner>,
}

impl fmt::Debug for Telegram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let api_url = &self.inner.api_url;
        f.debug_struct("Telegram")
            .field("api_url", api_url)
            .finish_non_exhaustive()
    }
}

/// The server behind all handles. Dropping it stops the tasks.
#[derive(Debug)]
pub(super) struct TelegramInner {
    pub(super) state: Arc<State>,
    api_url: String,
    /// The Bot API's server, and the task that sends to the webhook.
    servers: [AbortHandle; 2],
}

impl Drop for TelegramInner {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

impl Telegram {
    /// A handle of servers that are already running.
    pub(super) fn new(state: Arc<State>, api_url: String, servers: [AbortHandle; 2]) -> Self {
        Self {
            inner: Arc::new(TelegramInner {
                state,
                api_url,
                servers,
            }),
        }
    }

    /// The URL of the Bot API, without a slash at the end: `http://127.0.0.1:4711`.
    pub fn api_url(&self) -> &str {
        &self.inner.api_url
    }

    /// The bot's token.
    pub fn token(&self) -> &str {
        &self.inner.state.token
    }

    /// The bot's ID: the number at the start of its token.
    pub fn bot_id(&self) -> i64 {
        self.inner.state.bot_id
    }

    /// The webhook's settings, if one is set.
    pub fn webhook(&self) -> Option<WebhookSettings> {
        self.inner.state.webhook.settings()
    }

    /// The last error of the present webhook, as in `getWebhookInfo`. It stays after a success.
    pub fn last_webhook_error(&self) -> Option<String> {
        let session = self.inner.state.webhook.session();
        session?.last_error().map(|(_, message)| message)
    }

    /// Sets the webhook as if the bot had called `setWebhook` with all other settings at their defaults. An
    /// empty URL deletes it. The call isn't recorded.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the description of `setWebhook`. No webhook is set then, like on the real
    /// server.
    pub fn set_webhook<'a>(
        &self,
        url: &str,
        secret: impl Into<Option<&'a str>>,
    ) -> Result<(), Error> {
        self.set_webhook_args(&webhook_args(url, secret.into()))
    }

    /// Sets an `https` webhook with a certificate in PEM, which is then the only trusted one: a self-signed
    /// certificate, or that of its authority. Otherwise like [`set_webhook`](Self::set_webhook).
    ///
    /// # Errors
    ///
    /// Those of [`set_webhook`](Self::set_webhook), and [`Error::Refused`] if the PEM file has no
    /// certificate.
    pub fn set_webhook_with_certificate<'a>(
        &self,
        url: &str,
        secret: impl Into<Option<&'a str>>,
        pem: impl Into<Bytes>,
    ) -> Result<(), Error> {
        let mut args = webhook_args(url, secret.into());
        args.add_certificate(pem.into());
        self.set_webhook_args(&args)
    }

    /// Sets the webhook by the arguments of `setWebhook`.
    pub(super) fn set_webhook_args(&self, args: &Args) -> Result<(), Error> {
        match self.inner.state.webhook.set(args, true).as_error() {
            Some((code, description)) => Err(Error::Refused {
                code,
                description: description.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Sends an update to the webhook, and sends it again with Telegram's pauses until the bot accepts it:
    /// at most [`max_attempts`](super::TelegramBuilder::max_attempts) times. A method in the response is
    /// executed.
    ///
    /// An update without `update_id` gets the next one. Updates of one queue, such as the messages of a
    /// chat, are sent one at a time in their order. Other updates are sent at the same time over their own
    /// connections, up to the webhook's `max_connections`, and from at most twice as many queues: while
    /// those fail, no other update is sent. A message and a callback query of one chat are in different
    /// queues.
    ///
    /// The delivery continues if the future is dropped. After a new `setWebhook` the next attempt goes to
    /// the new URL at once. Deleting the webhook ends it with [`ExchangeOutcome::Stopped`], and so does a bot that
    /// has responded only with 410 for more than 23 hours.
    ///
    /// Without a webhook the outcome is [`ExchangeOutcome::NotSent`], and the update isn't queued; see
    /// [`enqueue`](Self::enqueue).
    pub async fn deliver(&self, update: Value) -> Exchange {
        let update_id = update["update_id"].as_u64().unwrap_or(0);
        let update_type = update.as_object().and_then(|update| {
            let mut keys = update.keys().filter(|key| *key != "update_id");
            keys.next().cloned()
        });
        let exchange = self.inner.state.deliver(&update).await;
        let exchange = exchange.unwrap_or_else(|error| Exchange {
            update_id,
            attempts: Vec::new(),
            reply: None,
            outcome: ExchangeOutcome::NotSent(error),
        });
        let line = format!("{} {exchange}", update_type.unwrap_or_default());
        self.inner.state.log.record(line.trim_start().to_owned());
        exchange
    }

    /// Sends an update once and at once, even while an earlier one of its chat is being delivered. Telegram
    /// does so after a response has timed out. A method in the response is executed.
    ///
    /// # Errors
    ///
    /// [`Error::NoWebhook`], [`Error::NotAnUpdate`], [`Error::UpdateTooLarge`] and [`Error::HeadTooLarge`],
    /// before a request is sent. A failure of the request itself is in the [`Attempt`].
    pub async fn deliver_once(&self, update: Value) -> Result<Exchange, Error> {
        self.inner.state.deliver_once(&update).await
    }

    /// Sends any request to the webhook, once. A method in the response isn't executed.
    ///
    /// ```no_run
    /// # use tower_telegram_test::{Error, RawRequest, Telegram};
    /// # async fn example(telegram: Telegram) -> Result<(), Error> {
    /// let attempt = telegram.post_raw(RawRequest::new().body("{").secret("wrong")).await?;
    /// assert_eq!(attempt.status, Some(401));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoWebhook`]. A failure of the request itself is in the [`Attempt`].
    pub async fn post_raw(&self, request: RawRequest) -> Result<Attempt, Error> {
        self.inner.state.post_raw(&request).await
    }

    /// Queues an update for the webhook or for `getUpdates`, and returns its ID.
    ///
    /// If a webhook is set, or as soon as one is, the update is sent there like with
    /// [`deliver`](Self::deliver) until the bot accepts it. Otherwise it stays until a `getUpdates`
    /// confirms it with a higher `offset`. `drop_pending_updates` drops it, and so does its expiry: after
    /// 30 s for inline queries, 150 s for callback, shipping and pre-checkout queries, 600 s for chosen
    /// results, and a day for all other types.
    ///
    /// An update without `update_id` gets the next one. An update with the ID of one that is still in the
    /// queue replaces it.
    ///
    /// ```no_run
    /// # use tower_telegram_test::{Error, Telegram, update};
    /// # async fn example() -> Result<(), Error> {
    /// let telegram = Telegram::start().await?;
    /// // … the bot polls `telegram.api_url()` …
    /// let update_id = telegram.enqueue(update::text(7, "hello"))?;
    /// telegram.wait_until_confirmed(update_id).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotAnUpdate`], [`Error::UpdateTooLarge`], [`Error::NotAllowed`],
    /// [`Error::AlreadyConfirmed`] and [`Error::QueueFull`]. The update isn't queued then.
    #[expect(clippy::needless_pass_by_value, reason = "as with deliver")]
    pub fn enqueue(&self, update: Value) -> Result<u64, Error> {
        let update = update.as_object().ok_or(Error::NotAnUpdate)?;
        let update_id = self.inner.state.webhook.enqueue(update)?;
        self.inner.state.observe(update);
        Ok(update_id)
    }

    /// How many updates the bot hasn't accepted: those being sent to the webhook, and those that wait for
    /// `getUpdates`, including returned but unconfirmed ones.
    pub fn pending_updates(&self) -> usize {
        self.inner.state.webhook.pending_updates()
    }

    /// Waits until the bot has accepted the update: until the webhook has responded with a 2xx, or a
    /// `getUpdates` has confirmed it with an `offset` above its ID or with a negative one that leaves it
    /// out.
    ///
    /// # Errors
    ///
    /// [`Error::NotConfirmed`] if that doesn't happen within [`wait_timeout`](super::TelegramBuilder::wait_timeout).
    pub async fn wait_until_confirmed(&self, update_id: u64) -> Result<(), Error> {
        let wait_timeout = self.inner.state.wait_timeout;
        let confirmed = self
            .inner
            .state
            .webhook
            .queue
            .wait_until_confirmed(update_id);
        timeout(wait_timeout, confirmed)
            .await
            .map_err(|_| Error::NotConfirmed {
                update_id,
                waited: wait_timeout,
            })
    }

    /// Adds a file and returns its `file_id`, for which `getFile` returns that `file_path`. The bytes are
    /// served under `/file/bot<token>/<file_path>` and, for the test environment,
    /// `/file/bot<token>/test/<file_path>`.
    ///
    /// The path is relative, such as `documents/file_1.pdf`. A file at the same path is replaced. `getFile`
    /// refuses files over [`max_download`](super::TelegramBuilder::max_download).
    pub fn add_file(&self, file_path: impl Into<String>, bytes: impl Into<Bytes>) -> String {
        let content = FileContent::Bytes(bytes.into());
        self.inner.state.files.add(file_path.into(), content)
    }

    /// Adds a file of `length` bytes that are generated while they are served, without holding them in
    /// memory, and returns its `file_id`. Its content is [`generated_bytes`](super::generated_bytes).
    /// Otherwise like [`add_file`](Self::add_file).
    pub fn add_generated_file(&self, file_path: impl Into<String>, length: u64) -> String {
        let content = FileContent::Generated(length);
        self.inner.state.files.add(file_path.into(), content)
    }

    /// Adds a file on this machine's disk, as a server in local mode has them, and returns its `file_id`.
    /// `getFile` returns its absolute path. It isn't served: the bot reads it from disk.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file can't be read.
    pub fn add_local_file(&self, path: impl AsRef<Path>) -> Result<String, Error> {
        let files = &self.inner.state.files;
        files.add_local(path.as_ref()).map_err(Error::File)
    }

    /// All requests for files with the bot's token so far, oldest first, at most the last 10 000.
    pub fn downloads(&self) -> Vec<FileDownload> {
        self.inner.state.files.downloads()
    }

    /// All calls of the Bot API so far, oldest first, including failed ones, at most the last 10 000.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.state.log.all()
    }

    /// Waits for the next call of that method (in any case). Each call is returned once, beginning with the
    /// oldest, even if it was made before this function was called. A `getUpdates` counts when it is
    /// received, even while it waits for updates.
    ///
    /// ```no_run
    /// # use tower_telegram_test::{Error, Telegram};
    /// # async fn example(telegram: Telegram) -> Result<(), Error> {
    /// let call = telegram.wait_for_call("sendMessage").await?;
    /// assert_eq!(call.text("text").as_deref(), Some("Hello, Ada"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoCall`] if there is none within [`wait_timeout`](super::TelegramBuilder::wait_timeout). It lists
    /// the calls and updates that there were.
    pub async fn wait_for_call(&self, method: &str) -> Result<Call, Error> {
        self.inner
            .state
            .log
            .wait_for(method, self.inner.state.wait_timeout)
            .await
    }

    /// Waits for the next call of any method that hasn't been returned by another wait; see
    /// [`wait_for_call`](Self::wait_for_call).
    ///
    /// # Errors
    ///
    /// [`Error::NoCall`] if there is none within [`wait_timeout`](super::TelegramBuilder::wait_timeout).
    pub async fn next_call(&self) -> Result<Call, Error> {
        let state = &self.inner.state;
        state.log.wait_for("*", state.wait_timeout).await
    }

    /// Moves Telegram's clock, and with it the dates that Telegram writes and everything that Telegram
    /// waits for: pauses between attempts, expiry of updates, long polls, idle connections. A response that
    /// is being waited for may time out.
    ///
    /// The clock then continues with Tokio's time, unless it is
    /// [paused](super::TelegramBuilder::paused_clock). The waits of the test itself
    /// ([`wait_timeout`](super::TelegramBuilder::wait_timeout)) always use Tokio's time.
    ///
    /// ```no_run
    /// # use tower_telegram_test::{Error, Telegram, update};
    /// # async fn example(telegram: Telegram) -> Result<(), Error> {
    /// use std::time::Duration;
    ///
    /// // The bot rejects the update; Telegram would send it again after a pause.
    /// let update_id = telegram.enqueue(update::text(7, "hello"))?;
    /// telegram.advance(Duration::from_secs(60));
    /// telegram.wait_until_confirmed(update_id).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn advance(&self, by: Duration) {
        self.inner.state.webhook.clock.advance(by);
    }

    /// Replaces all [`Faults`]. They apply to updates that are [queued](Self::enqueue) or
    /// [delivered](Self::deliver), and to calls that are made as requests.
    /// [`deliver_once`](Self::deliver_once) and [`post_raw`](Self::post_raw) send without faults.
    pub fn faults(&self, faults: Faults) {
        self.inner.state.faults.set(faults);
    }

    /// Answers all further calls of that method (in any case) like this, also for a method that doesn't
    /// exist yet.
    pub fn answer(&self, method: &str, answer: Answer) {
        self.answer_with(method, move |_| Some(answer.clone()));
    }

    /// Answers the next call of that method like this. Several such answers are used in the order in which
    /// they were set, and before an answer set by [`answer`](Self::answer).
    pub fn answer_once(&self, method: &str, answer: Answer) {
        self.inner.state.overrides.once(method, answer);
    }

    /// Answers all further calls of that method with the result of `answer`. `None` is the usual answer.
    ///
    /// ```no_run
    /// # use tower_telegram_test::{Answer, Error, Telegram};
    /// # async fn example(telegram: Telegram) -> Result<(), Error> {
    /// // Messages to one chat are refused, all others are sent.
    /// telegram.answer_with("sendMessage", |call| {
    ///     (call.integer("chat_id") == Some(7)).then(|| Answer::error(403, "Forbidden"))
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn answer_with<F>(&self, method: &str, answer: F)
    where
        F: Fn(&Call) -> Option<Answer> + Send + Sync + 'static,
    {
        self.inner.state.overrides.always(method, Arc::new(answer));
    }

    /// Restores the usual answers to that method.
    pub fn answer_as_usual(&self, method: &str) {
        self.inner.state.overrides.clear(method);
    }
}

/// The arguments of `setWebhook` with a URL and a secret.
fn webhook_args(url: &str, secret: Option<&str>) -> Args {
    let mut args = Args::default();
    args.params = Map::from_iter([("url".to_owned(), url.into())]);
    if let Some(secret) = secret {
        args.params.insert("secret_token".to_owned(), secret.into());
    }
    args
}
