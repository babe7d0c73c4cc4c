//! A webhook in use: its connections, its requests and its last error.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use tokio::{net::lookup_host, sync::Semaphore, time::Instant};

use super::{
    attempt::{Attempt, AttemptError},
    connection::BotConnection,
    connection_ramp::ConnectionRamp,
    request::{self, BotResponse, ResponseLimits, WebhookRequest},
    settings::WebhookSettings,
    tls::Tls,
    url::WebhookUrl,
};
use crate::{
    bot_api::args::Args,
    clock::Clock,
    http1::{self, Headers},
};

/// The header with the webhook's secret token.
pub(crate) const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";

/// A webhook that responds only with 410 for longer than this is deleted.
const MAX_GONE: Duration = Duration::from_secs(23 * 60 * 60);

/// A webhook that is set, with the connections to it.
#[derive(Debug)]
pub(crate) struct WebhookSession {
    pub(crate) settings: WebhookSettings,
    url: WebhookUrl,
    /// The TLS settings of an `https` webhook.
    tls: Option<Tls>,
    /// One permit for each request that may be sent at once.
    permits: Semaphore,
    /// Connections between two requests, the last used one at the end.
    idle: Mutex<Vec<BotConnection>>,
    /// The number of the last connection.
    connections: Arc<AtomicU64>,
    /// The time in Unix seconds, and the text.
    last_error: Mutex<Option<(u64, String)>>,
    /// The address of the last connection.
    address: Mutex<Option<IpAddr>>,
    clock: Clock,
    /// Set if connections are opened at Telegram's pace.
    ramp: Option<Mutex<ConnectionRamp>>,
    /// How many permitted requests don't have a connection yet.
    starting: AtomicUsize,
    /// Since when every response has been a 410.
    gone_since: Mutex<Option<Instant>>,
}

impl WebhookSession {
    /// Checks the settings for TLS, and starts without connections.
    pub(crate) fn new(
        settings: WebhookSettings,
        url: WebhookUrl,
        tls: Option<Tls>,
        connections: Arc<AtomicU64>,
        clock: Clock,
    ) -> Self {
        let permits = usize::try_from(settings.max_connections)
            .unwrap_or(1)
            .clamp(1, Semaphore::MAX_PERMITS);
        Self {
            address: Mutex::new(
                settings
                    .ip_address
                    .as_ref()
                    .and_then(|address| address.parse().ok()),
            ),
            settings,
            url,
            tls,
            permits: Semaphore::new(permits),
            idle: Mutex::default(),
            connections,
            last_error: Mutex::default(),
            clock,
            ramp: None,
            starting: AtomicUsize::new(0),
            gone_since: Mutex::default(),
        }
    }

    /// Opens connections at Telegram's pace.
    pub(crate) fn paced(mut self) -> Self {
        self.ramp = Some(Mutex::default());
        self
    }

    /// How many requests may be open at once.
    pub(crate) fn max_connections(&self) -> usize {
        usize::try_from(self.settings.max_connections).unwrap_or(usize::MAX)
    }

    /// Whether another request can be sent now, with the given number of open requests and wanted
    /// connections. If not, the time to ask again; `None` in it if that depends on the open requests.
    pub(crate) fn may_send(
        &self,
        under_way: usize,
        wanted: usize,
        now: Instant,
    ) -> Result<(), Option<Instant>> {
        let Some(ramp) = &self.ramp else {
            return Ok(());
        };
        let mut idle = self.lock_idle();
        idle.retain_mut(|connection| connection.is_open(now));
        if idle.len() <= self.starting.load(Ordering::Relaxed) {
            let mut ramp = ramp.lock().unwrap_or_else(PoisonError::into_inner);
            ramp.open(now, under_way, wanted)?;
        }
        drop(idle);
        self.starting.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A permitted request has its connection, or failed to open one.
    fn started(&self) {
        let one_less = |starting: usize| Some(starting.saturating_sub(1));
        self.starting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .ok();
    }

    /// Records an attempt's error. Returns whether the webhook has been gone for so long that Telegram
    /// deletes it.
    pub(crate) fn record(&self, attempt: &Attempt) -> bool {
        let now = self.clock.now();
        if let Some(error) = &attempt.error {
            self.record_error(error);
        } else if let Some(ramp) = &self.ramp {
            let mut ramp = ramp.lock().unwrap_or_else(PoisonError::into_inner);
            ramp.succeeded(now);
        }
        let mut gone_since = self
            .gone_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match attempt.status {
            Some(410) => now > *gone_since.get_or_insert(now) + MAX_GONE,
            Some(_) => {
                *gone_since = None;
                false
            }
            None => false,
        }
    }

    /// The path and query of the request line.
    pub(crate) fn target(&self) -> &str {
        &self.url.target
    }

    /// The headers of a request, in Telegram's order and case.
    pub(crate) fn headers(&self, body_length: usize) -> Headers {
        let mut headers = vec![("Host", self.url.host_header())];
        if !self.url.userinfo.is_empty() {
            headers.push((
                "Authorization",
                format!("Basic {}", BASE64.encode(&self.url.userinfo)),
            ));
        }
        if let Some(secret) = &self.settings.secret_token {
            headers.push((SECRET_HEADER, secret.clone()));
        }
        headers.push(("Content-Type", "application/json".to_owned()));
        headers.push(("Content-Length", body_length.to_string()));
        headers.push(("Connection", "keep-alive".to_owned()));
        headers.push(("Accept-Encoding", "gzip, deflate".to_owned()));
        headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect()
    }

    /// Sends the request as soon as a connection is free, and reads the response. Returns the attempt and
    /// the arguments of a method in the response.
    pub(crate) async fn attempt(
        &self,
        request: &WebhookRequest,
        limits: ResponseLimits,
    ) -> (Attempt, Args) {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await.ok();
        let started = self.clock.now();
        let mut id = None;
        let sent = self.send(request, limits, &mut id).await;
        let elapsed = self.clock.now() - started;
        match sent {
            Ok((answer, args)) => (request::attempt(answer, id, elapsed), args),
            Err(error) => (Attempt::failed(error, id, elapsed), Args::default()),
        }
    }

    /// Sends a request over a connection, and reads the response.
    async fn send(
        &self,
        request: &WebhookRequest,
        limits: ResponseLimits,
        id: &mut Option<u64>,
    ) -> Result<(BotResponse, Args), AttemptError> {
        let connection = self.clock.timeout(limits.response, self.connection()).await;
        self.started();
        let mut connection = connection.ok_or(AttemptError::Connect(ErrorKind::TimedOut))??;
        *id = Some(connection.id);
        let exchange = connection.exchange(request, limits.body, &self.clock);
        let exchange = self.clock.timeout(limits.response, exchange).await;
        let (answer, is_sent) = exchange.ok_or(AttemptError::TimedOut)??;
        let mut args = Args::keeping(limits.keep);
        let content_type = http1::header(&answer.headers, "content-type");
        if let Err(refusal) = args.read_body(content_type, &answer.body).await {
            return Err(connection.refuse(refusal));
        }
        if answer.keep_alive && is_sent && request.is_complete {
            connection.rest(self.clock.now());
            self.lock_idle().push(connection);
        }
        Ok((answer, args))
    }

    /// The last used connection that is still open, otherwise a new one.
    async fn connection(&self) -> Result<BotConnection, AttemptError> {
        // The runtime has to see the sockets' latest events first.
        tokio::task::yield_now().await;
        loop {
            let idle = self.lock_idle().pop();
            let Some(mut connection) = idle else {
                return self.connect().await;
            };
            if connection.is_open(self.clock.now()) {
                return Ok(connection);
            }
        }
    }

    /// Opens a connection to the webhook's host.
    async fn connect(&self) -> Result<BotConnection, AttemptError> {
        let failed = |error: io::Error| AttemptError::Connect(error.kind());
        let fixed = self
            .settings
            .ip_address
            .as_ref()
            .and_then(|address| address.parse::<IpAddr>().ok());
        let address = if let Some(address) = fixed {
            SocketAddr::new(address, self.url.port)
        } else {
            let found = lookup_host((self.url.host_name(), self.url.port))
                .await
                .map_err(failed)?;
            let mut found: Vec<_> = found.collect();
            found.sort_by_key(SocketAddr::is_ipv6);
            *found
                .first()
                .ok_or(AttemptError::Connect(ErrorKind::NotFound))?
        };
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address.ip());
        let id = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        BotConnection::open(id, address, self.tls.as_ref(), self.clock.now()).await
    }

    /// Closes connections that have been idle for too long.
    pub(crate) fn close_idle(&self) {
        let now = self.clock.now();
        self.lock_idle()
            .retain(|connection| !connection.is_idle_for_too_long(now));
    }

    /// Records the last error for `getWebhookInfo`.
    fn record_error(&self, error: &AttemptError) {
        if *error != AttemptError::Closed {
            *self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner) =
                Some((self.clock.unix(), error.to_string()));
        }
    }

    /// The last error: Unix seconds, and the text.
    pub(crate) fn last_error(&self) -> Option<(u64, String)> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The IP address for `getWebhookInfo`. Empty if there is none yet.
    pub(crate) fn ip_address(&self) -> String {
        let address = *self.address.lock().unwrap_or_else(PoisonError::into_inner);
        address.map_or_else(|| "<unknown>".to_owned(), |address| address.to_string())
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<BotConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
