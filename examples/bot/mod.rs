//! The small bot that every example serves, so that each example is only about its server.
//!
//! With `TELEGRAM_BOT_TOKEN` set it is a production bot; without, it talks to an embedded Telegram
//! that plays a conversation. See [`Settings`] for what it reads from the environment.

mod connection;
mod demo;
mod handler;
mod picture;
mod settings;
mod table;

use std::{
    error::Error,
    fmt,
    future::Future,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    sync::Arc,
};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tower_telegram::{
    Client,
    methods::SetWebhook,
    types::{AllowedUpdates, InputFile, UpdateType},
    webhook::SecretToken,
};
use tower_telegram_test::Telegram;

pub use self::{
    connection::Connection,
    handler::handle,
    picture::gradient,
    settings::{Settings, SettingsError},
};

/// What the bot wants to hear of: one value, for the filter and for `setWebhook`.
pub fn allowed_updates() -> AllowedUpdates {
    [
        UpdateType::Message,
        UpdateType::EditedMessage,
        UpdateType::CallbackQuery,
        UpdateType::InlineQuery,
        UpdateType::Unknown,
    ]
    .into()
}

/// What an example's server needs.
#[derive(Debug)]
pub struct Server {
    /// Where to listen.
    pub listener: TcpListener,
    /// The route of the webhook.
    pub path: String,
    /// What Telegram shows.
    pub secret: SecretToken,
    /// What the bot calls Telegram with.
    pub client: Client,
    /// When to stop.
    pub shutdown: Shutdown,
}

/// Told once when the server is to stop: take no more, finish what runs, return.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Waits until the server is to stop.
    pub async fn requested(mut self) {
        // An error means that nobody is left to say so, and then it is time too.
        drop(self.0.wait_for(|stop| *stop).await);
    }
}

/// Runs the bot on an example's server, as the environment says.
///
/// # Errors
///
/// When the environment can't be read, the address not be listened on, the webhook not be set, or
/// the server fails.
pub async fn run<F, Fut>(serve: F) -> Result<(), Failure>
where
    F: FnOnce(Server) -> Fut,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    let bot = |_: &str| Ok((None, serve));
    match Settings::from_env()? {
        Some(settings) => production(settings, bot).await,
        None => demonstration("http", bot).await,
    }
}

/// Runs the bot on a server with a certificate that Telegram is given. `certificate` makes it for a
/// host, with what the server needs to show it.
///
/// # Errors
///
/// As [`run`], and when the certificate can't be made.
pub async fn run_with_certificate<C, T, F, Fut>(certificate: C, serve: F) -> Result<(), Failure>
where
    C: FnOnce(&str) -> Result<(Certificate, T), Failure>,
    F: FnOnce(Server, T) -> Fut,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    let bot = |host: &str| {
        let (certificate, tls) = certificate(host)?;
        let serve = move |server| serve(server, tls);
        Ok((Some(certificate), serve))
    };
    match Settings::from_env()? {
        Some(settings) => production(settings, bot).await,
        None => demonstration("https", bot).await,
    }
}

/// A certificate as Telegram takes it: in PEM.
#[derive(Clone, Debug)]
pub struct Certificate(InputFile);

impl Certificate {
    /// From its text.
    pub fn from_pem(pem: String) -> Self {
        Self(InputFile::bytes("certificate.pem", pem))
    }
}

async fn production<M, F, Fut>(settings: Settings, make: M) -> Result<(), Failure>
where
    M: FnOnce(&str) -> Result<(Option<Certificate>, F), Failure>,
    F: FnOnce(Server) -> Fut,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let stop = stop_signal()?;
    let client = Client::with_base_url(&settings.token, &settings.api_url)?;
    let (certificate, serve) = make(settings.host())?;
    let running = start(&settings, client.clone(), serve).await?;
    set_webhook(&client, &settings, certificate).await?;
    say(&format!(
        "serving {} on {}",
        settings.path(),
        running.address
    ));
    stop.await;
    say("finishing what runs");
    running.stop().await
}

async fn demonstration<M, F, Fut>(scheme: &str, make: M) -> Result<(), Failure>
where
    M: FnOnce(&str) -> Result<(Option<Certificate>, F), Failure>,
    F: FnOnce(Server) -> Fut,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    let telegram = Telegram::start().await?;
    let mut settings = Settings::embedded(telegram.token(), telegram.api_url())?;
    let client = Client::with_base_url(&settings.token, &settings.api_url)?;
    let (certificate, serve) = make("127.0.0.1")?;
    let running = start(&settings, client.clone(), serve).await?;
    settings.webhook_url = format!("{scheme}://{}/telegram", running.address);
    set_webhook(&client, &settings, certificate).await?;
    std::panic::set_hook(Box::new(|panic| {
        // One line, so that a backtrace doesn't tear the table.
        let place = panic.location().map(ToString::to_string);
        say(&format!(
            "the handler panicked at {}",
            place.unwrap_or_default()
        ));
    }));
    let mut demo = demo::Demo::new(telegram, &settings.webhook_url);
    demo.play().await?;
    if io::stdin().is_terminal() {
        demo.talk().await?;
    }
    running.stop().await
}

async fn set_webhook(
    client: &Client,
    settings: &Settings,
    certificate: Option<Certificate>,
) -> Result<(), Failure> {
    let mut wanted = SetWebhook::new(settings.webhook_url.as_str())
        .secret_token(settings.secret.clone())
        .allowed_updates(allowed_updates());
    wanted.certificate = certificate.map(|certificate| certificate.0);
    if !settings.calls_telegrams_own() {
        wanted = wanted.for_local_server();
    }
    // Otherwise a new secret or certificate would go unnoticed.
    let wanted = wanted.with_fingerprint(settings.token.expose().as_bytes());
    client.ensure_webhook(&wanted).await?;
    Ok(())
}

struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<io::Result<()>>,
}

impl Running {
    async fn stop(self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        self.server.await??;
        Ok(())
    }
}

async fn start<F, Fut>(settings: &Settings, client: Client, serve: F) -> Result<Running, Failure>
where
    F: FnOnce(Server) -> Fut,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind(&settings.listen).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(serve(Server {
        listener,
        path: settings.path().to_owned(),
        secret: settings.secret.clone(),
        client,
        shutdown: Shutdown(stopped),
    }));
    Ok(Running {
        address,
        stop,
        server,
    })
}

/// SIGTERM, as a service manager sends it, or Ctrl-C. Listens from when this is called, not only
/// from when the future is awaited.
///
/// # Errors
///
/// When the signals can't be listened for.
#[cfg(unix)]
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ctrl-C.
///
/// # Errors
///
/// None.
#[cfg(not(unix))]
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// A line for whoever runs the example.
#[allow(clippy::print_stdout)]
pub fn say(line: &str) {
    println!("{line}");
}

/// Why the bot stopped: whatever went wrong, in words for a person.
#[derive(Clone)]
pub struct Failure(Arc<dyn Error + Send + Sync>);

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Arc::new(error))
    }
}

/// `main` prints errors with `Debug`: the whole chain, each cause once.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
