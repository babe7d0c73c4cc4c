//! The handle of an embedded Telegram.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::{task::AbortHandle, time::timeout};

use super::{
    answer::Answer,
    args::Args,
    attempt::Attempt,
    call::Call,
    error::{Error, Exchange, Outcome},
    faults::Faults,
    files::{Download, FileContent},
    raw_request::RawRequest,
    state::State,
    webhook_settings::WebhookSettings,
};

/// An embedded Telegram. Clones are handles to the same one; it ends with the last of them.
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

#[derive(Debug)]
pub(super) struct TelegramInner {
    pub(super) state: Arc<State>,
    api_url: String,
    /// The Bot API, and what sends to the webhook.
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
    /// One with that state, whose servers run already.
    pub(super) fn new(state: Arc<State>, api_url: String, servers: [AbortHandle; 2]) -> Self {
        Self {
            inner: Arc::new(TelegramInner {
                state,
                api_url,
                servers,
            }),
        }
    }

    /// Where its Bot API is, without a slash at the end: `http://127.0.0.1:4711`.
    pub fn api_url(&self) -> &str {
        &self.inner.api_url
    }

    /// The bot's token.
    pub fn token(&self) -> &str {
        &self.inner.state.token
    }

    /// The bot's id: the number its token starts with.
    pub fn bot_id(&self) -> i64 {
        self.inner.state.bot_id
    }

    /// The webhook, if one is set.
    pub fn webhook(&self) -> Option<WebhookSettings> {
        self.inner.state.webhook.settings()
    }

    /// Why the webhook that is set failed last, as in `getWebhookInfo`: it stays after a success.
    pub fn last_webhook_error(&self) -> Option<String> {
        let session = self.inner.state.webhook.session();
        session?.last_error().map(|(_, message)| message)
    }

    /// Sets the webhook as if the bot had called `setWebhook`, with everything else at its default. An
    /// empty URL deletes it. The call isn't recorded.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with what `setWebhook` would say. No webhook is set then, as with the real one.
    pub fn set_webhook<'a>(
        &self,
        url: &str,
        secret: impl Into<Option<&'a str>>,
    ) -> Result<(), Error> {
        self.set_webhook_args(&webhook_args(url, secret.into()))
    }

    /// Sets an `https` webhook with a certificate in PEM, which is then the only one that is trusted: a
    /// self-signed one, or that of its authority. Otherwise as [`set_webhook`](Self::set_webhook).
    ///
    /// # Errors
    ///
    /// As [`set_webhook`](Self::set_webhook), and if there is no certificate in it.
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

    pub(super) fn set_webhook_args(&self, args: &Args) -> Result<(), Error> {
        match self.inner.state.webhook.set(args, true).as_error() {
            Some((code, description)) => Err(Error::Refused {
                code,
                description: description.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Sends an update, and sends it again with Telegram's pauses until the bot takes it: at most
    /// [`max_attempts`](super::TelegramBuilder::max_attempts) times. A method in the response is carried out.
    ///
    /// An update without `update_id` gets the next one. Updates that belong together, such as the messages of a
    /// chat, are sent one at a time in their order; others at the same time, over connections of their own, up
    /// to the webhook's `max_connections`, and from at most twice as many queues: where those fail, nothing
    /// else is sent. A message and a callback query of one chat don't belong together.
    ///
    /// It goes on even if the future is dropped. After a new `setWebhook` the next attempt goes to
    /// the new URL at once. Deleting the webhook ends it with [`Outcome::Stopped`]; so does a bot that has
    /// answered nothing but 410 for more than 23 hours.
    ///
    /// This is for webhooks. Without one the outcome is [`Outcome::NotSent`], and nothing is queued:
    /// that is what [`enqueue`](Self::enqueue) does.
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
            outcome: Outcome::NotSent(error),
        });
        let line = format!("{} {exchange}", update_type.unwrap_or_default());
        self.inner.state.log.note(line.trim_start().to_owned());
        exchange
    }

    /// Sends an update once and at once, even if one before it in its chat is under way: so does Telegram
    /// when it has given up waiting for a response. A method in the response is carried out.
    ///
    /// # Errors
    ///
    /// [`Error::NoWebhook`], [`Error::NotAnUpdate`], [`Error::UpdateTooLarge`] and [`Error::HeadTooLarge`]:
    /// nothing was sent. What goes wrong after that is in the [`Attempt`].
    pub async fn deliver_once(&self, update: Value) -> Result<Exchange, Error> {
        self.inner.state.deliver_once(&update).await
    }

    /// Sends any request to the webhook, once. What the bot replies is not carried out.
    ///
    /// # Errors
    ///
    /// [`Error::NoWebhook`]. What goes wrong with the request is in the [`Attempt`].
    pub async fn post_raw(&self, request: RawRequest) -> Result<Attempt, Error> {
        self.inner.state.post_raw(&request).await
    }

    /// Queues an update, for whichever way the bot gets its updates: the update's id.
    ///
    /// If a webhook is set, or as soon as one is, it is sent there as with [`deliver`](Self::deliver), until the
    /// bot takes it. Else it stays until a `getUpdates` confirms it with a higher `offset`. A
    /// `drop_pending_updates` drops it, and so does the end of its life: 30 s for inline queries, 150 s for
    /// callback queries and what has to do with paying, 600 s for chosen results, a day for the rest.
    ///
    /// An update without `update_id` gets the next one. One that has the id of an update still in the queue
    /// takes that one's place.
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
    /// [`Error::NotAnUpdate`], [`Error::UpdateTooLarge`], [`Error::NotAllowed`], [`Error::AlreadyConfirmed`] and
    /// [`Error::QueueFull`]: nothing was queued.
    #[expect(clippy::needless_pass_by_value, reason = "as with deliver")]
    pub fn enqueue(&self, update: Value) -> Result<u64, Error> {
        let update = update.as_object().ok_or(Error::NotAnUpdate)?;
        let update_id = self.inner.state.webhook.enqueue(update)?;
        self.inner.state.observe(update);
        Ok(update_id)
    }

    /// How many updates the bot hasn't taken: those on their way to the webhook, and those that wait for
    /// `getUpdates`, given out but not confirmed ones included.
    pub fn pending_updates(&self) -> usize {
        self.inner.state.webhook.pending_updates()
    }

    /// Waits until the bot has taken the update: until the webhook has answered it with a 2xx, or a
    /// `getUpdates` has confirmed it, by an `offset` above its id or a negative one that leaves it out.
    ///
    /// # Errors
    ///
    /// [`Error::NotConfirmed`] if that doesn't happen within [`patience`](super::TelegramBuilder::patience).
    pub async fn wait_until_confirmed(&self, update_id: u64) -> Result<(), Error> {
        let patience = self.inner.state.patience;
        let confirmed = self
            .inner
            .state
            .webhook
            .queue
            .wait_until_confirmed(update_id);
        timeout(patience, confirmed)
            .await
            .map_err(|_| Error::NotConfirmed {
                update_id,
                waited: patience,
            })
    }

    /// Adds a file: its `file_id`, which `getFile` answers with that `file_path`. Its bytes are served under
    /// `/file/bot<token>/<file_path>` and, for the test environment, `/file/bot<token>/test/<file_path>`.
    ///
    /// A path is relative, such as `documents/file_1.pdf`. What was at that path is replaced. `getFile` doesn't
    /// lead to a file over 20 MiB, unless [told so](super::TelegramBuilder::max_download).
    pub fn add_file(&self, file_path: impl Into<String>, bytes: impl Into<Bytes>) -> String {
        let content = FileContent::Bytes(bytes.into());
        self.inner.state.files.add(file_path.into(), content)
    }

    /// Adds a file of `length` bytes that is made while it is served, and never in memory: its `file_id`. What
    /// is in it, [`generated_bytes`](super::generated_bytes) says; else it is as with [`add_file`](Self::add_file).
    pub fn add_generated_file(&self, file_path: impl Into<String>, length: u64) -> String {
        let content = FileContent::Generated(length);
        self.inner.state.files.add(file_path.into(), content)
    }

    /// Adds a file on this machine's disk, as a server in local mode has them: its `file_id`, which `getFile`
    /// answers with the absolute path. It isn't served: the bot reads it from disk.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if there is no such file.
    pub fn add_local_file(&self, path: impl AsRef<Path>) -> Result<String, Error> {
        let files = &self.inner.state.files;
        files.add_local(path.as_ref()).map_err(Error::File)
    }

    /// All requests for files up to now that had the bot's token, oldest first. At most the last 10 000.
    pub fn downloads(&self) -> Vec<Download> {
        self.inner.state.files.downloads()
    }

    /// All calls of the Bot API up to now, oldest first, including those that failed. At most the last 10 000.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.state.log.all()
    }

    /// The next call of that method (in any case), waiting until there is one. Each call is given out
    /// once, beginning with the oldest, even if it came before this was asked. A `getUpdates` counts as
    /// soon as it comes, even if its answer has to wait.
    ///
    /// # Errors
    ///
    /// [`Error::NoCall`] if none comes within [`patience`](super::TelegramBuilder::patience). It says what was called instead.
    pub async fn wait_for_call(&self, method: &str) -> Result<Call, Error> {
        self.inner
            .state
            .log
            .wait_for(method, self.inner.state.patience)
            .await
    }

    /// The next call of whichever method that no wait has been given yet, waiting until there is one; as
    /// [`wait_for_call`](Self::wait_for_call).
    ///
    /// # Errors
    ///
    /// [`Error::NoCall`] if none comes within [`patience`](super::TelegramBuilder::patience).
    pub async fn next_call(&self) -> Result<Call, Error> {
        let state = &self.inner.state;
        state.log.wait_for("*", state.patience).await
    }

    /// Moves Telegram's clock, and with it everything that Telegram waits for and the dates it writes: the
    /// pauses before it sends again, the lives of updates, long polls, idle connections. A response that is
    /// still awaited may time out.
    ///
    /// It goes on from there with Tokio's time, unless the [clock is paused](super::TelegramBuilder::paused_clock).
    /// How long a test itself waits ([`patience`](super::TelegramBuilder::patience)) is always Tokio's time.
    pub fn advance(&self, by: Duration) {
        self.inner.state.webhook.clock.advance(by);
    }

    /// From now on these things go wrong by chance, instead of any that were set before: with the updates that
    /// are [queued](Self::enqueue) or [delivered](Self::deliver), and with the calls that come as requests.
    /// What [`deliver_once`](Self::deliver_once) and [`post_raw`](Self::post_raw) send is spared.
    pub fn faults(&self, faults: Faults) {
        self.inner.state.faults.set(faults);
    }

    /// Answers every further call of that method (in any case) so, even one that doesn't exist yet.
    pub fn answer(&self, method: &str, answer: Answer) {
        self.answer_with(method, move |_| Some(answer.clone()));
    }

    /// Answers the next call of that method so. Several are given in their order, before any that
    /// [`answer`](Self::answer) has set.
    pub fn answer_once(&self, method: &str, answer: Answer) {
        self.inner.state.overrides.once(method, answer);
    }

    /// Answers every further call of that method with what `answer` makes of it; `None` stands for the usual answer.
    pub fn answer_with<F>(&self, method: &str, answer: F)
    where
        F: Fn(&Call) -> Option<Answer> + Send + Sync + 'static,
    {
        self.inner.state.overrides.always(method, Arc::new(answer));
    }

    /// Goes back to the usual answers to that method.
    pub fn answer_as_usual(&self, method: &str) {
        self.inner.state.overrides.clear(method);
    }
}

fn webhook_args(url: &str, secret: Option<&str>) -> Args {
    let mut args = Args::default();
    args.params = Map::from_iter([("url".to_owned(), url.into())]);
    if let Some(secret) = secret {
        args.params.insert("secret_token".to_owned(), secret.into());
    }
    args
}
