//! The settings of a [`Telegram`] on loopback, and how it starts.
//!
//! [`Telegram::start`] takes the defaults; [`Telegram::builder`] has every setting.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    bot_api::{call_log::CallLog, files::Files, overrides::Overrides, server},
    chats::Chats,
    clock::Clock,
    error::Error,
    faults::Chance,
    state::State,
    telegram::Telegram,
    webhook::{
        certificate::{self, Trusted},
        delivery,
        methods::WebhookState,
        request::ResponseLimits,
    },
};

/// Settings for a [`Telegram`].
///
/// The defaults are those of the real server, except for settings that would only slow a test down.
///
/// ```
/// use std::time::Duration;
/// use tower_telegram_test::Telegram;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_telegram_test::Error> {
/// let telegram = Telegram::builder()
///     .token("7:a-secret_for-tests")
///     .max_attempts(2)
///     .max_wait(Duration::ZERO)
///     .start()
///     .await?;
/// assert_eq!(telegram.bot_id(), 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens until it is started"]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct TelegramBuilder {
    token: String,
    user_name: String,
    first_update_id: u64,
    max_attempts: usize,
    max_wait: Duration,
    response_timeout: Duration,
    wait_timeout: Duration,
    webhook_cooldown: Duration,
    max_upload: usize,
    max_download: u64,
    keep_uploads: usize,
    trusted_roots: Vec<Bytes>,
    listen: SocketAddr,
    is_paced: bool,
    is_clock_paused: bool,
    has_strict_chats: bool,
    has_privacy_mode: bool,
}

impl Default for TelegramBuilder {
    fn default() -> Self {
        Self {
            token: "4711:AAEmbedded-Telegram_for-tests".to_owned(),
            user_name: "test_bot".to_owned(),
            first_update_id: 815_000_001,
            max_attempts: 5,
            max_wait: Duration::MAX,
            response_timeout: Duration::from_secs(60),
            wait_timeout: Duration::from_secs(10),
            webhook_cooldown: Duration::from_secs(1),
            max_upload: 256 << 20,
            max_download: 20 << 20,
            keep_uploads: usize::MAX,
            trusted_roots: Vec::new(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            is_paced: false,
            is_clock_paused: false,
            has_strict_chats: false,
            has_privacy_mode: false,
        }
    }
}

impl TelegramBuilder {
    /// The bot's token, `<id>:<secret>`. Default: a fixed token for tests.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// The bot's user name, without `@`. Default: `test_bot`.
    pub fn user_name(mut self, user_name: impl Into<String>) -> Self {
        self.user_name = user_name.into();
        self
    }

    /// The ID of the first update that has none. Default: 815 000 001.
    pub fn first_update_id(mut self, id: u64) -> Self {
        self.first_update_id = id;
        self
    }

    /// How many attempts [`Telegram::deliver`] makes, at least one. Default: 5. The real server continues
    /// for a day.
    pub fn max_attempts(mut self, attempts: usize) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The longest pause between two attempts, so that a test doesn't have to wait. Default: unlimited,
    /// which gives 0, 2, 4, 8 … 64 seconds, or the bot's `Retry-After`.
    /// [`Attempt::wait`](super::Attempt::wait) still has the pause that the real server would make.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// How long the bot has until the *end* of its response. Default: 60 s, like the real server.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// How long [`Telegram::wait_for_call`], [`Telegram::wait_until_confirmed`] and the like-named methods
    /// of a [`User`](super::User) wait before they fail. Default: 10 s.
    pub fn wait_timeout(mut self, wait_timeout: Duration) -> Self {
        self.wait_timeout = wait_timeout;
        self
    }

    /// How long a second `setWebhook` is refused with 429. Default: 1 s, like the real server.
    /// [`Telegram::set_webhook`] isn't affected.
    pub fn webhook_cooldown(mut self, cooldown: Duration) -> Self {
        self.webhook_cooldown = cooldown;
        self
    }

    /// The largest body, in bytes after decompression, that is read from the bot. Default: 256 MiB. All
    /// arguments that aren't files may have 1 MiB together, like on the real server.
    pub fn max_upload(mut self, bytes: usize) -> Self {
        self.max_upload = bytes;
        self
    }

    /// The largest file, in bytes, that `getFile` offers. Default: 20 MiB, like the real server. A server
    /// in local mode has no limit: `u64::MAX`.
    pub fn max_download(mut self, bytes: u64) -> Self {
        self.max_download = bytes;
        self
    }

    /// Keeps the bytes of uploaded files up to this size. Of a larger file only
    /// [`length`](super::UploadedFile::length) and [`sha256`](super::UploadedFile::sha256) are kept, and a
    /// multipart request isn't held in memory unless it is compressed. Default: unlimited. A webhook's
    /// certificate must fit.
    pub fn keep_uploads_up_to(mut self, bytes: usize) -> Self {
        self.keep_uploads = bytes;
        self
    }

    /// Trusts the certificates of a PEM file, like the real server trusts the public authorities. Default:
    /// none, so that an `https` webhook needs an uploaded certificate.
    pub fn trusted_root(mut self, pem: impl Into<Bytes>) -> Self {
        self.trusted_roots.push(pem.into());
        self
    }

    /// Opens connections to the webhook at Telegram's pace. Before the first success, and after 10 s
    /// without one: one connection, and another every 2 s. After a success: one for each chat with updates
    /// up to the webhook's `max_connections`, the first 10 at once and then one every 50 ms. Default:
    /// connections are opened without a pause.
    pub fn true_pace(mut self) -> Self {
        self.is_paced = true;
        self
    }

    /// Stops Telegram's clock, so that only [`Telegram::advance`] moves it. Every pause and time-out then
    /// lasts until the test moves the clock; only a response of the bot is still waited for in real time.
    pub fn paused_clock(mut self) -> Self {
        self.is_clock_paused = true;
        self
    }

    /// The address on which the Bot API listens. Default: a free port of 127.0.0.1. The token is the only
    /// protection, so open it to a network only if everyone there may use this server.
    pub fn listen(mut self, address: impl Into<SocketAddr>) -> Self {
        self.listen = address.into();
        self
    }

    /// Rejects chats that the test hasn't created with "chat not found". Default: a chat that is named by
    /// an unknown number is created when it is needed, with an invented user or group.
    pub fn strict_chats(mut self) -> Self {
        self.has_strict_chats = true;
        self
    }

    /// Turns privacy mode on: in groups the bot is notified only of commands, mentions, replies to it and
    /// service messages, unless it is an administrator. Default: off, although it is on for a new bot of
    /// Telegram's.
    pub fn privacy_mode(mut self) -> Self {
        self.has_privacy_mode = true;
        self
    }

    /// Starts the server. Must be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`], [`Error::InvalidCertificate`], and [`Error::Start`] if the port can't be
    /// opened.
    pub async fn start(self) -> Result<Telegram, Error> {
        let bot_id = bot_id(&self.token).ok_or(Error::InvalidToken)?;
        let roots = roots(&self.trusted_roots).ok_or(Error::InvalidCertificate)?;
        let listener = TcpListener::bind(self.listen).await.map_err(Error::Start)?;
        let mut address = listener.local_addr().map_err(Error::Start)?;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let api_url = format!("http://{address}");
        let bot = json!({
            "id": bot_id, "is_bot": true, "first_name": "Test bot", "username": self.user_name,
        });
        let clock = Clock::new(self.is_clock_paused);
        let state = Arc::new(State {
            token: self.token,
            bot_id,
            webhook: WebhookState::new(
                self.webhook_cooldown,
                self.first_update_id,
                roots,
                self.is_paced,
                clock.clone(),
            ),
            log: CallLog::default(),
            overrides: Overrides::default(),
            faults: Chance::default(),
            limits: ResponseLimits {
                response: self.response_timeout,
                body: self.max_upload,
                keep: self.keep_uploads,
            },
            max_wait: self.max_wait,
            max_attempts: self.max_attempts,
            wait_timeout: self.wait_timeout,
            files: Files::new(self.max_download),
            chats: Chats::new(
                bot,
                self.has_strict_chats,
                self.has_privacy_mode,
                clock.clone(),
            ),
        });
        let servers = [
            tokio::spawn(server::serve(listener, Arc::clone(&state))).abort_handle(),
            tokio::spawn(delivery::serve(Arc::clone(&state))).abort_handle(),
        ];
        Ok(Telegram::new(state, api_url, servers))
    }
}

impl Telegram {
    /// Starts a server on a free port of 127.0.0.1, with its own token. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] if the port can't be opened.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// A builder for settings other than the defaults.
    pub fn builder() -> TelegramBuilder {
        TelegramBuilder::default()
    }
}

/// The trusted roots. `None` if a PEM file has no certificate.
fn roots(pems: &[Bytes]) -> Option<Trusted> {
    let mut certificates = Vec::new();
    for pem in pems {
        certificates.extend(certificate::read_pem(pem)?);
    }
    Trusted::new(certificates)
}

/// The number before the colon of a token.
fn bot_id(token: &str) -> Option<i64> {
    let (id, secret) = token.split_once(':')?;
    let is_fine = !id.starts_with('0')
        && token.len() <= 80
        && !secret.is_empty()
        && !token.contains(['/', '?', '#', '%']);
    id.parse()
        .ok()
        .filter(|id| is_fine && (1..1 << 54).contains(id))
}
