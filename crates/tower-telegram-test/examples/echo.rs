//! An echo bot, to try `telegram-test-server`:
//!
//! ```sh
//! telegram-test-server --say Hello -- target/debug/examples/echo
//! ```
//!
//! It reads the server's address and its token from `TELEGRAM_API_URL` and `TELEGRAM_BOT_TOKEN`.

use std::env;

use tower_telegram::{
    Client, methods::SendMessage, polling::Polling, types::Update, webhook::Webhook,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let token = env::var("TELEGRAM_BOT_TOKEN")?.parse()?;
    let client = Client::with_base_url(&token, &env::var("TELEGRAM_API_URL")?)?;
    let bot = Webhook::without_secret_token().handler(async |update: Update| {
        let message = update.new_message()?;
        Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
    });
    Polling::new(client).run(bot.into_updates()).await?;
    Ok(())
}
