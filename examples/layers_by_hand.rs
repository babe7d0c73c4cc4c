//! The layers of a webhook one by one, in place of `Webhook`, which assembles them.
//!
//! ```sh
//! cargo run --example layers_by_hand
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot
//! in production.
//!
//! A copy of this file needs these dependencies:
//!
//! ```toml
//! axum = { version = "0.8", default-features = false, features = ["http1", "tokio"] }
//! tokio = { version = "1.47", features = ["macros", "rt-multi-thread"] }
//! tower = "0.5.2"
//! tower-http = { version = "0.7", features = ["request-id", "trace"] }
//! tower-telegram = { version = "0.1", features = ["server"] }
//! tower-telegram-test = "0.1"
//! tracing = { version = "0.1.41", default-features = false, features = ["std"] }
//! tracing-subscriber = { version = "0.3", default-features = false, features = ["fmt", "std"] }
//! ```

use std::{error::Error, time::Duration};

use tower::ServiceBuilder;
use tower_http::{
    request_id::{MakeRequestUuid, SetRequestIdLayer},
    trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer},
};
use tower_telegram::{
    Client,
    methods::SendMessage,
    router::{NewMessage, Router},
    server::Server,
    shutdown_signal,
    types::{ChatId, Update},
    webhook::{
        AllowedUpdatesLayer, DeadlineLayer, DeliveryLayer, HandlerTimeoutLayer, ParseLayer,
        ReplyLayer, SecretTokenLayer, SequenceLayer, TraceUpdatesLayer, UpdateLayer,
        registration::WebhookEnv,
    },
};
use tracing::Level;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = tower_telegram_test::Playground::new()
        .says("/start")
        .says("hello")
        .intrudes();
    if conversation.play().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;

    let bot: Router = Router::new().command("start", start).message(echo);
    let allowed_updates = bot.allowed_updates();
    let delivery = DeliveryLayer::new().max_attempts(3);
    let deliveries = delivery.handle();

    let webhook = ServiceBuilder::new()
        // Layers for HTTP go around all of it. The request's line doesn't have the secret; its headers do.
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
                .on_response(DefaultOnResponse::new().level(Level::INFO)),
        )
        // First the secret, before a byte of the body is read.
        .layer(SecretTokenLayer::new(settings.secret()))
        // Then the body, up to 1 MiB. From here on, a request's body is a `RawUpdate`.
        .layer(UpdateLayer::new().read_timeout(Duration::from_secs(5)))
        // Updates of other types get a 200 before they are parsed.
        .layer(AllowedUpdatesLayer::new(allowed_updates))
        // A response before Telegram stops waiting for it. It stands above the deliveries, so that the handler goes
        // on after it.
        .layer(DeadlineLayer::new(Duration::from_secs(45)))
        // Each update once: a redelivery joins the handler that is still running, or gets its reply.
        .layer(delivery)
        // A span and the metrics of each attempt.
        .layer(TraceUpdatesLayer::new())
        // One update of a chat at a time. Below the deliveries, so that a redelivery of a handled update doesn't wait.
        .layer(SequenceLayer::new())
        // Limits how long an attempt may run. Below the sequence, so that waiting for a turn doesn't count.
        .layer(HandlerTimeoutLayer::new(Duration::from_secs(600)))
        // From here on, a request's body is an `Update`.
        .layer(ParseLayer::<Update>::new())
        // And a response's is the encoded reply, or a 500 for an error.
        .layer(ReplyLayer::new())
        .service(bot);

    let app = axum::Router::new().route_service(&settings.axum_route()?, webhook);
    let server = Server::bind(settings.listen()).await?;
    let wanted = settings.set_webhook().allowed_updates(allowed_updates);
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(app, stop).await;
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

async fn start(chat: ChatId) -> SendMessage {
    SendMessage::new(chat, "Say something.")
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}
