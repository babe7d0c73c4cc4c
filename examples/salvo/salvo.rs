//! A bot in a salvo app: the webhook is one of its routes.
//!
//! ```sh
//! cargo run -p salvo-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use hyper_util::rt::TokioTimer;
use salvo::{
    Listener as _, Server, async_trait,
    conn::TcpListener,
    fuse::{FuseEvent, FuseInfo, Fusewire},
    handler,
    http::ReqBody,
    hyper::{Response, body::Body as _, header::CONTENT_LENGTH},
    prelude::TowerServiceCompat,
};
use tokio::{sync::Notify, time::Instant};
use tower::ServiceBuilder;
use tower_telegram::{
    Client,
    methods::SendMessage,
    router::{NewMessage, Router},
    shutdown_signal,
    types::ChatId,
    webhook::{ReplyBody, Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;

type BoxError = Box<dyn Error + Send + Sync>;

/// How many connections may be open at once. A process may have 1,024 files open on most systems.
const MAX_CONNECTIONS: usize = 256;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = Playground::new().says("/start").says("hello").intrudes();
    if conversation.play().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;

    let bot: Router = Router::new().command("start", start).message(echo);
    let webhook = Webhook::new(settings.secret()).router(bot);
    let deliveries = webhook.deliveries();
    let wanted = settings
        .set_webhook()
        .allowed_updates(webhook.allowed_updates());
    let webhook = ServiceBuilder::new()
        .map_response(with_length)
        .service(webhook);

    let path = settings.path().to_owned();
    let app = salvo::Router::new()
        .push(
            // Any path that is equal to the webhook's. As a path of salvo's, `{` would begin a pattern, and `%20` would
            // match no request.
            salvo::Router::with_path("{**}")
                .filter_fn(move |request, _| request.uri().path() == path)
                .goal(TowerServiceCompat::<ReqBody, _, _, _>::compat(webhook)),
        )
        .push(salvo::Router::with_path("health").get(health));

    // salvo doesn't limit how many connections there are, but a fuse can close them.
    let listener = TcpListener::new(settings.listen().to_owned());
    let connections = Connections::default();
    let mut server = Server::new(listener.try_bind().await?)
        .fuse_factory(move |_: FuseInfo| connections.accept());
    // Closes connections that are silent, or whose next request comes slowly.
    server
        .http1_mut()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(90));
    client.ensure_webhook(&wanted).await?;
    let (stop, handle) = (shutdown_signal()?, server.handle());
    tokio::spawn(async move {
        stop.await;
        // Open requests have a minute, because Telegram waits that long for a response.
        handle.stop_graceful(Duration::from_secs(60));
    });
    server.try_serve(app).await?;
    // Handlers go on after their request has ended. Wait for them, too.
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

/// The open connections, so that a new one can take the place of another.
#[derive(Clone, Default)]
struct Connections(Arc<Mutex<Vec<Weak<Connection>>>>);

impl Connections {
    fn accept(&self) -> Fuse {
        let new = Arc::new(Connection {
            activity: Mutex::new((false, Instant::now())),
            evicted: Notify::new(),
        });
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| connection.strong_count() > 0);
        if open.len() >= MAX_CONNECTIONS {
            // First those that have sent nothing yet, then the one that has been silent for longest.
            let oldest = open.iter().filter_map(Weak::upgrade);
            if let Some(oldest) = oldest.min_by_key(|connection| *connection.activity()) {
                oldest.evicted.notify_one();
                open.retain(|connection| !connection.ptr_eq(&Arc::downgrade(&oldest)));
            }
        }
        open.push(Arc::downgrade(&new));
        Fuse(new)
    }
}

struct Connection {
    /// Whether a byte has come, and when a byte last moved.
    activity: Mutex<(bool, Instant)>,
    evicted: Notify,
}

impl Connection {
    fn activity(&self) -> MutexGuard<'_, (bool, Instant)> {
        let activity = self.activity.lock();
        activity.unwrap_or_else(PoisonError::into_inner)
    }
}

/// salvo reports a connection's activity here, and asks whether to close it.
struct Fuse(Arc<Connection>);

#[async_trait]
impl Fusewire for Fuse {
    fn event(&self, event: FuseEvent) {
        let mut activity = self.0.activity();
        let has_sent = activity.0 || matches!(event, FuseEvent::ReadData(1..));
        *activity = (has_sent, Instant::now());
    }

    async fn fused(&self) {
        self.0.evicted.notified().await;
    }
}

/// Writes the length of a response into its head. salvo's bridge for tower services hides it from the server, which
/// would send each reply in chunks.
fn with_length(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response
}

/// A route of the app's own.
#[handler]
async fn health() -> &'static str {
    "ok"
}

async fn start(chat: ChatId) -> SendMessage {
    SendMessage::new(chat, "Say something.")
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}
