//! Any number of replicas of a bot: they share through Redis which updates were handled, whose turn it is in a chat,
//! the limits for calls, and the sessions.
//!
//! ```sh
//! redis-server &
//! cargo run --example replicas
//! ```
//!
//! tries a replica against a Telegram on this machine. In production, start as many as you like behind one address,
//! with the same `TELEGRAM_BOT_TOKEN`, `WEBHOOK_URL` and `REDIS_URL` (default: `redis://127.0.0.1`). Each may be
//! killed at any time: Telegram sends its updates again, to another.
//!
//! A copy of this file needs these dependencies:
//!
//! ```toml
//! axum = { version = "0.8", default-features = false, features = ["http1", "tokio"] }
//! redis = { version = "1.8", default-features = false, features = ["connection-manager", "tokio-comp"] }
//! serde = { version = "1.0.220", features = ["derive"] }
//! tokio = { version = "1.47", features = ["macros", "rt-multi-thread"] }
//! tower-telegram = { version = "0.1", features = ["redis", "server"] }
//! tower-telegram-test = "0.1"
//! tracing-subscriber = { version = "0.3", default-features = false, features = ["fmt", "std"] }
//! ```

use std::{env, error::Error, time::Duration};

use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize};
use tower_telegram::{
    Client,
    client::{RateLimitLayer, RetryLayer},
    methods::SendMessage,
    redis::{RedisLimits, RedisLocks, RedisSessions, RedisStore, WakeUps},
    router::{
        NewMessage, Router,
        session::{Session, SessionLayer},
    },
    server::Server,
    shutdown_signal,
    webhook::{DeliveryLayer, SequenceLayer, Webhook, registration::WebhookEnv},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// The prefix of the keys in Redis. Bots that share a Redis need one each.
const BOT: &str = "my_bot";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = tower_telegram_test::Playground::new()
        .says("hello")
        .says("hello again");
    if conversation.play().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let url = env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1".to_owned());
    let connected = connect(&url).await;
    let (redis, wake_ups) =
        connected.map_err(|error| format!("can't connect to REDIS_URL: {error}"))?;

    let client = Client::builder_from_env()?
        .layer(RetryLayer::new())
        .layer(RateLimitLayer::new().shared(RedisLimits::new(redis.clone(), BOT)))
        .build();

    let sessions = SessionLayer::<Count, _>::new(RedisSessions::new(redis.clone(), BOT));
    let bot: Router = Router::new().message(count).layer(sessions);

    // A replica that handles an update has a claim in Redis, which it renews. If it dies, another has the update after
    // the claim's end.
    let delivery = DeliveryLayer::with_store(RedisStore::new(redis.clone(), BOT));
    // Telegram sends two updates of a chat to two replicas if it likes.
    let locks = RedisLocks::new(redis, BOT).wake_ups(&wake_ups);
    let sequence = SequenceLayer::new().with_lock(locks);
    let webhook = Webhook::new(settings.secret())
        .delivery(delivery)
        .sequence(sequence)
        .router(bot);
    let deliveries = webhook.deliveries();
    let wanted = settings
        .set_webhook()
        .allowed_updates(webhook.allowed_updates());

    let app = axum::Router::new().route_service(&settings.axum_route()?, webhook);
    let server = Server::bind(settings.listen()).await?;
    // All replicas may do so at the same time.
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(app, stop).await;
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

/// A connection that is made anew whenever it breaks, and a second one on which Redis says that a chat's turn is over,
/// so that no replica has to ask at intervals.
async fn connect(url: &str) -> redis::RedisResult<(ConnectionManager, WakeUps)> {
    let redis = redis::Client::open(url)?;
    let connection = ConnectionManager::new(redis.clone()).await?;
    Ok((connection, WakeUps::new(redis)))
}

/// How many messages a chat has sent, to whichever replica.
#[derive(Default, Deserialize, Serialize)]
struct Count(u64);

async fn count(mut count: Session<Count>, NewMessage(message): NewMessage) -> SendMessage {
    count.0 += 1;
    SendMessage::new(message.chat.id, format!("message {}", count.0))
}
