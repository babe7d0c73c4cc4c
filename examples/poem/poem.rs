//! A bot in a poem app: the webhook is one of its routes.
//!
//! ```sh
//! cargo run -p poem-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production.

use std::{error::Error, io, sync::Arc, time::Duration};

use http_body::Body as _;
use poem::{
    Endpoint as _, EndpointExt as _, Route, Server,
    endpoint::TowerCompatExt as _,
    get, handler,
    http::{Response, header::CONTENT_LENGTH, uri::Scheme},
    listener::Acceptor,
    web::{LocalAddr, RemoteAddr},
};
use tower::ServiceBuilder;
use tower_telegram::{
    Client,
    methods::SendMessage,
    router::{NewMessage, Router},
    server::{LimitedListener, LimitedStream},
    shutdown_signal,
    types::ChatId,
    webhook::{ReplyBody, Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;

type BoxError = Box<dyn Error + Send + Sync>;

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

    // The path is compared as it is. In a route of poem's, each of `:`, `*` and `<` would begin a pattern, and a bot's
    // token has a colon.
    let path: Arc<str> = settings.path().into();
    let webhook = Arc::new(webhook.compat());
    let routes = Route::new().at("/health", get(health));
    let app = routes.around(move |routes, request| {
        let (path, webhook) = (Arc::clone(&path), Arc::clone(&webhook));
        async move {
            if request.uri().path() == &*path {
                webhook.call(request).await
            } else {
                routes.call(request).await
            }
        }
    });

    // poem's own listener limits neither how many connections there are nor how long one may be silent.
    let listener = LimitedListener::bind(settings.listen()).await?;
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    // Open requests have a minute, because Telegram waits that long for a response.
    let open = Some(Duration::from_secs(60));
    Server::new_with_acceptor(Limited(listener))
        .run_with_graceful_shutdown(app, stop, open)
        .await?;
    // Handlers go on after their request has ended. Wait for them, too.
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

/// Writes the length of a response into its head. poem's bridge for tower services hides it from the server, which
/// would send each reply in chunks.
fn with_length(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response
}

/// The listener, for poem.
struct Limited(LimitedListener);

impl Acceptor for Limited {
    type Io = LimitedStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        let address = self.0.local_addr().map(|address| LocalAddr(address.into()));
        address.into_iter().collect()
    }

    async fn accept(&mut self) -> io::Result<(LimitedStream, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, peer) = self.0.accept().await;
        let local = LocalAddr(stream.local_addr()?.into());
        Ok((stream, local, RemoteAddr(peer.into()), Scheme::HTTP))
    }
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
