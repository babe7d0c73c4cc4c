//! An axum app that gains a bot: layers of tower-http around everything, nested routers and a database pool stay as they
//! were, and the bot is one more route.
//!
//! ```sh
//! cargo run -p axum-existing-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production. `DATABASE` is a file (default: a database in memory), and `TIMEOUT` the seconds that a request may take
//! (default: 10).

use std::{env, error::Error, time::Duration};

use axum::{Json, extract::State, http::StatusCode, routing::get};
use deadpool_sqlite::{
    Config, Pool, Runtime,
    rusqlite::{self, Connection},
};
use tower::ServiceBuilder;
use tower_http::{
    compression::CompressionLayer,
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer},
};
use tower_telegram::{
    Client,
    methods::SendMessage,
    router::{self, Command, NewMessage},
    server::Server,
    shutdown_signal,
    types::ChatId,
    webhook::{Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;
use tracing::Level;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = Playground::new().says("milk").says("bread").says("/list");
    if conversation.intrudes().play().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let timeout = env::var("TIMEOUT").map_or(Ok(10), |seconds| seconds.parse());
    let timeout = timeout.map_err(|error| format!("TIMEOUT isn't a number of seconds: {error}"))?;
    let database = Database::open().await?;

    // New: the bot. It has the app's state, as axum's handlers do.
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;
    let bot = bot(database.clone());
    let webhook = Webhook::new(settings.secret()).router(bot);
    let deliveries = webhook.deliveries();
    let wanted = settings
        .set_webhook()
        .allowed_updates(webhook.allowed_updates());

    let app = axum::Router::new()
        .nest("/api", api())
        .route("/livez", get(async || "ok"))
        // New: its route. It may be in a nested router, too: the webhook doesn't look at the path.
        .route_service(&settings.axum_route()?, webhook)
        .with_state(database)
        .layer(
            ServiceBuilder::new()
                .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
                .layer(
                    TraceLayer::new_for_http()
                        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
                        .on_response(DefaultOnResponse::new().level(Level::INFO)),
                )
                .layer(PropagateRequestIdLayer::x_request_id())
                // Telegram reads gzip, and neither Brotli nor Zstandard.
                .layer(CompressionLayer::new().gzip(true))
                // A handler goes on after this. Telegram sends the update again, and that request gets the reply.
                .layer(TimeoutLayer::with_status_code(
                    StatusCode::SERVICE_UNAVAILABLE,
                    Duration::from_secs(timeout),
                ))
                // Not below 512 KiB: Telegram would send a longer update again for a day.
                .layer(RequestBodyLimitLayer::new(1 << 20)),
        );

    let server = Server::bind(settings.listen()).await?;
    // New: ask Telegram for updates, and wait for handlers whose request has ended.
    client.ensure_webhook(&wanted).await?;
    server.serve_with_shutdown(app, shutdown_signal()?).await;
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

fn bot(database: Database) -> router::Router {
    router::Router::new()
        .command("list", list)
        .command("slow", slow)
        .message(add)
        .with_state(database)
}

async fn add(
    router::State(database): router::State<Database>,
    NewMessage(message): NewMessage,
) -> Result<Option<SendMessage>, BoxError> {
    let Some(text) = message.text else {
        return Ok(None);
    };
    let entry = text.to_string();
    let insert = "INSERT INTO notes (chat, text) VALUES (?1, ?2)";
    let chat = message.chat.id;
    database
        .with(move |db| db.execute(insert, (chat, entry)))
        .await?;
    Ok(Some(SendMessage::new(chat, format!("Saved: {text}"))))
}

async fn list(
    router::State(database): router::State<Database>,
    NewMessage(message): NewMessage,
) -> Result<SendMessage, BoxError> {
    let mut notes = database.notes(message.chat.id).await?;
    if notes.is_empty() {
        notes.push("No notes yet.".to_owned());
    }
    Ok(SendMessage::new(message.chat.id, notes.join("\n")))
}

/// Takes longer than a request may, if it is asked to.
async fn slow(Command(seconds): Command<u64>, chat: ChatId) -> SendMessage {
    tokio::time::sleep(Duration::from_secs(seconds.min(30))).await;
    SendMessage::new(chat, "done")
}

fn api() -> axum::Router<Database> {
    axum::Router::new().route("/notes/count", get(count))
}

/// Anyone may know how many notes there are. The notes themselves are for their chats alone.
async fn count(State(database): State<Database>) -> Result<Json<i64>, StatusCode> {
    let count = |db: &Connection| db.query_row("SELECT COUNT(*) FROM notes", (), |row| row.get(0));
    database.with(count).await.map(Json).map_err(|error| {
        tracing::error!(%error, "notes couldn't be counted");
        StatusCode::SERVICE_UNAVAILABLE
    })
}

/// A pool of connections.
#[derive(Clone)]
struct Database(Pool);

impl Database {
    async fn open() -> Result<Self, BoxError> {
        let file = env::var("DATABASE");
        let file = file.unwrap_or_else(|_| "file:notes?mode=memory&cache=shared".to_owned());
        let database = Self(Config::new(file).create_pool(Runtime::Tokio1)?);
        let table = "CREATE TABLE IF NOT EXISTS notes (chat INTEGER, text TEXT)";
        database.with(|db| db.execute(table, ())).await?;
        Ok(database)
    }

    async fn notes(&self, chat: i64) -> Result<Vec<String>, BoxError> {
        self.with(move |db| {
            let mut query = db.prepare("SELECT text FROM notes WHERE chat = ?1 ORDER BY rowid")?;
            query.query_map([chat], |row| row.get(0))?.collect()
        })
        .await
    }

    /// Runs a query on a thread that may block, with a connection of the pool.
    async fn with<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BoxError> {
        let result = self.0.get().await?.interact(|db| query(db)).await;
        Ok(result.map_err(|error| error.to_string())??)
    }
}
