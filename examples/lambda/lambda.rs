//! A bot on AWS Lambda, behind an HTTP API of API Gateway or a function URL.
//!
//! ```sh
//! cargo run -p lambda-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production: on Lambda as the program `bootstrap` of a function with a time limit of 30 seconds, and elsewhere as an
//! HTTP server.
//!
//! Lambda freezes the process after each response, until the next request, and may end it at any time. So all work is
//! done before the response:
//!
//! - A handler returns its reply, and awaits its calls. A task that it spawns may never go on.
//! - A handler that takes too long fails while its request is open. A `DeadlineLayer` would respond while the handler
//!   still runs, and Lambda would freeze it.
//! - Each instance has a memory of its own: a redelivery to another instance is handled a second time, unless both
//!   record updates in the Redis at `REDIS_URL`. Sessions and limits for calls are in memory too, unless they have
//!   the types for Redis that the example `replicas` uses.

use std::{env, error::Error, time::Duration};

use redis::aio::ConnectionManager;
use tower_telegram::{
    Client,
    methods::SendMessage,
    redis::RedisStore,
    router::{NewMessage, Router},
    server::Server,
    shutdown_signal,
    types::ChatId,
    webhook::{DeliveryLayer, HandlerTimeoutLayer, Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;

type BoxError = Box<dyn Error + Send + Sync>;

/// API Gateway waits 30 seconds for a response.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(25);

/// The prefix of the keys in Redis. Bots that share a Redis need one each.
const BOT: &str = "my_bot";

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
    let wanted = settings
        .set_webhook()
        .allowed_updates(bot.allowed_updates());
    let delivery = delivery().await?;
    let deliveries = delivery.handle();
    let webhook = Webhook::new(settings.secret())
        .delivery(delivery)
        .without_deadline()
        .handler_timeout(HandlerTimeoutLayer::new(HANDLER_TIMEOUT))
        .router(bot);

    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        // Each new instance does so. It is one call, because the webhook is set already.
        client.ensure_webhook(&wanted).await?;
        return lambda_http::run(webhook).await;
    }
    let server = Server::bind(settings.listen()).await?;
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(webhook, stop).await;
    deliveries.shutdown(HANDLER_TIMEOUT).await;
    Ok(())
}

/// The record of handled updates: in Redis if there is one, otherwise in this instance's memory.
async fn delivery() -> Result<DeliveryLayer, BoxError> {
    let Ok(url) = env::var("REDIS_URL") else {
        return Ok(DeliveryLayer::new());
    };
    // It reconnects by itself if the connection didn't survive the last freeze.
    let redis = ConnectionManager::new(redis::Client::open(url)?).await?;
    Ok(DeliveryLayer::with_store(RedisStore::new(redis, BOT)))
}

async fn start(chat: ChatId) -> SendMessage {
    SendMessage::new(chat, "Say something.")
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}
