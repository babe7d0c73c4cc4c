//! A bot on AWS Lambda, behind an HTTP API of API Gateway or a function URL.
//!
//! ```sh
//! cargo run -p lambda-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production: on Lambda as the program `bootstrap` of a function with a time limit of 30 seconds, and elsewhere as an
//! HTTP server. After each deployment of the function, set its webhook from your own machine, with the function's
//! environment variables:
//!
//! ```sh
//! cargo run -p lambda-example set-webhook
//! ```
//!
//! Lambda freezes the process after each response, until the next request, and may end it at any time. So all work is
//! done before the response:
//!
//! - A handler returns its reply, and awaits its calls. A task that it spawns may never go on.
//! - A handler that takes too long fails while its request is open, and before Lambda ends the process. A
//!   `DeadlineLayer` would respond while the handler still runs, and Lambda would freeze it.
//! - A reply with a file is sent by the client, because a response of Lambda has at most 6 MB.
//! - Each instance has a memory of its own: a redelivery to another instance is handled a second time, unless both
//!   record updates in the Redis at `REDIS_URL`. Sessions and limits for calls are in memory too, unless they have
//!   the types for Redis that the example `replicas` uses.

use std::{
    env,
    error::Error,
    time::{Duration, SystemTime},
};

use redis::{IntoConnectionInfo as _, aio::ConnectionManager, io::tcp::TcpSettings};
use tokio::time::timeout;
use tower::{ServiceExt as _, layer::layer_fn, service_fn};
use tower_telegram::{
    Client, Reply,
    methods::{SendDocument, SendMessage},
    redis::RedisStore,
    router::{Command, NewMessage, Route, Router},
    server::Server,
    shutdown_signal,
    types::{ChatId, InputFile, Update},
    webhook::{DeliveryLayer, HandlerTimeoutLayer, Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;

type BoxError = Box<dyn Error + Send + Sync>;
type Request = lambda_http::http::Request<Update>;

/// API Gateway waits 30 seconds for a response.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(25);

/// A user waits for the result of a query. Telegram accepts the answer to a pre-checkout query for 10 seconds.
const QUERY_TIMEOUT: Duration = Duration::from_secs(8);

/// Time before the function's limit that is kept for the response.
const TIME_TO_RESPOND: Duration = Duration::from_secs(1);

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

    let bot = bot(client.clone());
    let wanted = settings
        .set_webhook()
        .allowed_updates(bot.allowed_updates());
    if env::args().nth(1).as_deref() == Some("set-webhook") {
        client.ensure_webhook(&wanted).await?;
        return Ok(());
    }
    let delivery = delivery().await;
    let delivery = delivery.map_err(|error| format!("can't connect to REDIS_URL: {error}"))?;
    let deliveries = delivery.handle();
    let webhook = Webhook::new(settings.secret())
        .delivery(delivery)
        .without_deadline()
        .handler_timeout(HandlerTimeoutLayer::new(HANDLER_TIMEOUT).query_limit(QUERY_TIMEOUT))
        .router(bot);

    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return lambda_http::run(webhook).await;
    }
    let server = Server::bind(settings.listen()).await?;
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(webhook, stop).await;
    deliveries.shutdown(HANDLER_TIMEOUT).await;
    Ok(())
}

fn bot(client: Client) -> Router {
    Router::new()
        .command("start", start)
        .command("count", count)
        .message(echo)
        .layer(layer_fn(move |route: Route| {
            let client = client.clone();
            service_fn(move |request| handle(route.clone(), client.clone(), request))
        }))
}

/// Runs a handler within the time that Lambda leaves it, and sends the file that it replies with, if any. So an update
/// whose file can't be sent has failed, and isn't recorded as handled.
async fn handle(route: Route, client: Client, request: Request) -> Result<Reply, BoxError> {
    let limit = time_left(&request);
    let handling = async {
        let reply = route.oneshot(request).await?;
        if reply.uploads().is_empty() {
            return Ok(reply);
        }
        client.send_reply(&reply).await?;
        Ok(Reply::nothing())
    };
    timeout(limit, handling).await?
}

/// The rest of the function's time limit (default: 3 seconds). At its end Lambda kills the
/// process, and the failed attempt would be neither counted nor logged.
fn time_left(request: &Request) -> Duration {
    let invocation = request.extensions().get::<lambda_http::Context>();
    let left = invocation.map(|invocation| invocation.deadline().duration_since(SystemTime::now()));
    match left {
        Some(left) => left.unwrap_or_default().saturating_sub(TIME_TO_RESPOND),
        // Not on Lambda.
        None => HANDLER_TIMEOUT,
    }
}

/// The record of handled updates: in Redis if there is one, otherwise in this instance's memory.
async fn delivery() -> Result<DeliveryLayer, BoxError> {
    let Ok(url) = env::var("REDIS_URL") else {
        return Ok(DeliveryLayer::new());
    };
    let tcp = TcpSettings::default();
    // If the other end closes the connection during a freeze, this side may not learn of it. The manager reconnects
    // once the system reports the connection as broken: by default that takes a quarter of an hour.
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(Duration::from_secs(5));
    let redis = redis::Client::open(url.into_connection_info()?.set_tcp_settings(tcp))?;
    let redis = ConnectionManager::new(redis).await?;
    Ok(DeliveryLayer::with_store(RedisStore::new(redis, BOT)))
}

async fn start(chat: ChatId) -> SendMessage {
    SendMessage::new(chat, "Say something.")
}

/// `/count 5` replies with a file of the numbers up to 5.
async fn count(Command(last): Command<u32>, chat: ChatId) -> SendDocument {
    let numbers = (1..=last.min(1_000_000)).map(|number| format!("{number}\n"));
    SendDocument::new(
        chat,
        InputFile::bytes("numbers.txt", numbers.collect::<String>()),
    )
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}
