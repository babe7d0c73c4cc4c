//! Starting an embedded Telegram.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;

use super::{
    api,
    call_log::CallLog,
    certificate::{self, Trusted},
    chats::Chats,
    clock::Clock,
    delivery,
    error::Error,
    faults::Chance,
    files::Files,
    overrides::Overrides,
    state::State,
    telegram::Telegram,
    webhook::WebhookState,
    webhook_request::ResponseLimits,
};

/// Starts a [`Telegram`] with settings of its own.
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
    patience: Duration,
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
            patience: Duration::from_secs(10),
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
    /// The bot's token, `<id>:<secret>`.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// The bot's user name, without `@`; `test_bot` by default.
    pub fn user_name(mut self, user_name: impl Into<String>) -> Self {
        self.user_name = user_name.into();
        self
    }

    /// The id of the first update that has none; 815 000 001 by default.
    pub fn first_update_id(mut self, id: u64) -> Self {
        self.first_update_id = id;
        self
    }

    /// How often [`Telegram::deliver`] tries (at least once); 5 by default. The real one goes on until the update's life ends.
    pub fn max_attempts(mut self, attempts: usize) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Cuts the pauses between attempts, so that a test needn't sit through them. Unlimited by default: 0, 2, 4, 8 … 64
    /// seconds, or what the bot asks for with `Retry-After`. [`Attempt::wait`](super::Attempt::wait) is not cut.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// How long the bot has to the *end* of its response; 60 s by default, as with the real one.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// How long [`Telegram::wait_for_call`] and [`Telegram::wait_until_confirmed`] wait; 10 s by default.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// For how long after a `setWebhook` another one is answered with 429; 1 s by default, as with the real
    /// one. [`Telegram::set_webhook`] is free of it.
    pub fn webhook_cooldown(mut self, cooldown: Duration) -> Self {
        self.webhook_cooldown = cooldown;
        self
    }

    /// The largest body, in bytes, that is read from the bot, after decompression; 256 MiB by default.
    /// Arguments that aren't files may take 1 MiB, as with the real one.
    pub fn max_upload(mut self, bytes: usize) -> Self {
        self.max_upload = bytes;
        self
    }

    /// The largest file, in bytes, that `getFile` leads to; 20 MiB by default, as with the real one. A server
    /// in local mode has no limit: `u64::MAX`.
    pub fn max_download(mut self, bytes: u64) -> Self {
        self.max_download = bytes;
        self
    }

    /// Of uploaded files with more bytes than this only [`length`](super::UploadedFile::length) and
    /// [`sha256`](super::UploadedFile::sha256) are kept; multipart requests are then never held in memory, except
    /// for compressed ones. Unlimited by default. A webhook's certificate must fit.
    pub fn keep_uploads_up_to(mut self, bytes: usize) -> Self {
        self.keep_uploads = bytes;
        self
    }

    /// Trusts the certificates of a PEM file, as the real one trusts the public authorities. Without any, an
    /// `https` webhook needs an uploaded certificate.
    pub fn trusted_root(mut self, pem: impl Into<Bytes>) -> Self {
        self.trusted_roots.push(pem.into());
        self
    }

    /// Opens connections to the webhook at Telegram's pace. While it has had no success for 10 s, at first
    /// too: one connection, and a new one each 2 s. Else: one for each chat with updates up to the webhook's
    /// `max_connections`, the first 10 at once and then one each 50 ms. Without this there is no pause
    /// between them.
    pub fn true_pace(mut self) -> Self {
        self.is_paced = true;
        self
    }

    /// Stops Telegram's clock, so that only [`Telegram::advance`] moves it: it waits for nothing but the bot,
    /// and never gives up waiting, before a test says so.
    pub fn paused_clock(mut self) -> Self {
        self.is_clock_paused = true;
        self
    }

    /// Where its Bot API listens; a free port of 127.0.0.1 by default. There is no other protection than the
    /// token: open it to a network only if everybody there may play Telegram.
    pub fn listen(mut self, address: impl Into<SocketAddr>) -> Self {
        self.listen = address.into();
        self
    }

    /// Knows only the chats that the test has made: all others are "chat not found". Otherwise a chat that is
    /// named by a number is made up as it is needed, with a made-up person or group behind it.
    pub fn strict_chats(mut self) -> Self {
        self.has_strict_chats = true;
        self
    }

    /// Turns privacy mode on: in groups the bot is notified only of commands, of mentions of it, of replies to it
    /// and of service messages, unless it is an administrator. Off by default, other than with a new bot of
    /// Telegram's.
    pub fn privacy_mode(mut self) -> Self {
        self.has_privacy_mode = true;
        self
    }

    /// Starts it. Must be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidToken`], [`Error::InvalidCertificate`], and [`Error::Start`] if no port can be opened.
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
            patience: self.patience,
            files: Files::new(self.max_download),
            chats: Chats::new(
                bot,
                self.has_strict_chats,
                self.has_privacy_mode,
                clock.clone(),
            ),
        });
        let servers = [
            tokio::spawn(api::serve(listener, Arc::clone(&state))).abort_handle(),
            tokio::spawn(delivery::serve(Arc::clone(&state))).abort_handle(),
        ];
        Ok(Telegram::new(state, api_url, servers))
    }
}

impl Telegram {
    /// Starts one on a free port of 127.0.0.1, with a token of its own. Must be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] if no port can be opened.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// For settings other than the usual ones.
    pub fn builder() -> TelegramBuilder {
        TelegramBuilder::default()
    }
}

fn roots(pems: &[Bytes]) -> Option<Trusted> {
    let mut certificates = Vec::new();
    for pem in pems {
        certificates.extend(certificate::read_pem(pem)?);
    }
    Trusted::new(certificates)
}

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
