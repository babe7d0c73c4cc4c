//! A bot on axum: the webhook is one route of an ordinary router.
//!
//! ```sh
//! cargo run --example axum
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, the same
//! program is a bot in production; `WebhookEnv` lists what else it reads from the environment.
//!
//! A copy of this file needs these dependencies:
//!
//! ```toml
//! axum = { version = "0.8", default-features = false, features = ["http1", "tokio"] }
//! serde = { version = "1.0.220", features = ["derive"] }
//! tokio = { version = "1.47", features = ["macros", "rt-multi-thread", "time"] }
//! tower-telegram = { version = "0.1", features = ["server"] }
//! tower-telegram-test = "0.1"
//! tracing = { version = "0.1.41", default-features = false, features = ["std"] }
//! tracing-subscriber = { version = "0.3", default-features = false, features = ["fmt", "std"] }
//! ```

use std::{error::Error, time::Duration};

use serde::{Deserialize, Serialize};
use tower_telegram::{
    Client,
    client::RetryLayer,
    health::Livez,
    methods::{AnswerCallbackQuery, SendDocument, SendMessage},
    router::{CallbackData, Command, NewMessage, Router, State, command},
    server::Server,
    shutdown_signal,
    types::{
        CallbackPayload, CallbackQuery, ChatId, InlineKeyboardButton, InlineKeyboardMarkup,
        InputFile,
    },
    webhook::{Webhook, registration::WebhookEnv},
};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    if tower_telegram_test::playground().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::builder_from_env()?.layer(RetryLayer::new()).build();

    let bot = bot(client.clone());
    client.ensure_commands(&bot.commands()).await?;
    let webhook = Webhook::new(settings.secret()).router(bot);
    let deliveries = webhook.deliveries();
    let wanted = settings
        .set_webhook()
        .allowed_updates(webhook.allowed_updates());
    let app = axum::Router::new()
        .route_service(&settings.axum_route()?, webhook)
        .route_service("/livez", Livez);

    // First listen, then ask Telegram for updates. `axum::serve` does as well behind a proxy; this server has
    // limits for connections, so that strangers on the internet can't use them all up.
    let server = Server::bind(settings.listen()).await?;
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(app, stop).await;

    // Handlers go on after their request has ended. Wait for them, too.
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

fn bot(client: Client) -> Router {
    Router::new()
        .command(command("start").description("Begin"), start)
        .command(command("file").description("Receive a file"), file)
        .command("call", call)
        .command("slow", slow)
        .command("fail", fail)
        .command("panic", panic)
        .callback(Answer::NAME, answer)
        .message(echo)
        .with_state(client)
}

/// The data of a button.
#[derive(Deserialize, Serialize)]
struct Answer {
    is_first_bot: bool,
}

impl CallbackPayload for Answer {
    const NAME: &str = "answer";
}

async fn start(chat: ChatId) -> Result<SendMessage, BoxError> {
    let yes = InlineKeyboardButton::data("Yes", &Answer { is_first_bot: true })?;
    let no = InlineKeyboardButton::data(
        "No",
        &Answer {
            is_first_bot: false,
        },
    )?;
    Ok(SendMessage::new(chat, "Hello! Is this your first bot?")
        .reply_markup(InlineKeyboardMarkup::row([yes, no])))
}

async fn answer(
    CallbackData(answer): CallbackData<Answer>,
    query: CallbackQuery,
) -> AnswerCallbackQuery {
    let text = match answer.is_first_bot {
        true => "Welcome!",
        false => "Welcome back!",
    };
    AnswerCallbackQuery::new(query.id).text(text)
}

/// A reply may upload a file.
async fn file(chat: ChatId) -> SendDocument {
    let hello = InputFile::bytes("hello.txt", "Made just now.");
    SendDocument::new(chat, hello).caption("made just now")
}

/// A handler that needs the result of a call makes it through the client.
async fn call(
    State(client): State<Client>,
    Command(text): Command<String>,
    chat: ChatId,
) -> Result<(), BoxError> {
    let message = client.send(SendMessage::new(chat, text)).await?;
    tracing::info!(message.message_id, "sent");
    Ok(())
}

/// The response waits for the handler, here for a minute at most. If that takes longer than 50 seconds, Telegram sends the
/// update again, and the second request gets the first one's reply.
async fn slow(Command(seconds): Command<u64>, chat: ChatId) -> SendMessage {
    tokio::time::sleep(Duration::from_secs(seconds.min(60))).await;
    SendMessage::new(chat, "done")
}

/// Telegram sends an update that has failed again, for up to five attempts in all.
async fn fail() -> Result<(), BoxError> {
    Err("failed as asked".into())
}

/// So is one whose handler panics.
async fn panic() {
    panic!("panicked as asked");
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}
