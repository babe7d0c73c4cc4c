//! A bot without a public address: it fetches its updates with `getUpdates`.
//!
//! ```sh
//! cargo run --example polling
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` set, it runs until SIGTERM or Ctrl-C.
//! A webhook that is set makes it end with an error, because Telegram gives updates to one of the two only.
//!
//! A copy of this file needs these dependencies:
//!
//! ```toml
//! tokio = { version = "1.47", features = ["macros", "rt-multi-thread"] }
//! tower-telegram = { version = "0.1", features = ["signal"] }
//! tower-telegram-test = "0.1"
//! tracing-subscriber = { version = "0.3", default-features = false, features = ["fmt", "std"] }
//! ```

use std::error::Error;

use tower_telegram::{
    Client,
    methods::SendMessage,
    polling::Polling,
    router::{NewMessage, Router},
    shutdown_signal,
    types::ChatId,
    webhook::Webhook,
};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = tower_telegram_test::Playground::new()
        .says("/start")
        .says("hello");
    if conversation.play().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let stop = shutdown_signal()?;
    let client = Client::from_env()?;

    let bot: Router = Router::new().command("start", start).message(echo);
    let polling = Polling::new(client).allowed_updates(bot.allowed_updates());

    // The layers that a webhook has below the one that reads its requests. Each update is handled once here as well.
    let updates = Webhook::without_secret_token().router(bot).into_updates();
    polling.run_until(updates, stop).await?;
    Ok(())
}

async fn start(chat: ChatId) -> SendMessage {
    SendMessage::new(chat, "Say something.")
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}
