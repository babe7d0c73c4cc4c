//! A bot without a public address: the handler of a webhook, fed from getUpdates.
//!
//! `cargo run --example polling` fetches a few updates from an embedded Telegram and ends. With
//! `TELEGRAM_BOT_TOKEN` set it is a bot that runs until SIGTERM or Ctrl-C; a webhook that is set is
//! left alone, and named as the reason to stop.

use example_bot::{Connection, Failure, allowed_updates, handle, say, stop_signal};
use tower_telegram::{Client, polling::Polling, webhook::Webhook};
use tower_telegram_test::{Telegram, update};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let connection = Connection::from_env().await?;
    let client = Client::builder(&connection.token)
        .base_url(&connection.api_url)?
        .build();

    // What a webhook would serve, without its door.
    let bot = client.clone();
    let updates = Webhook::without_secret_token()
        .handler(move |update| handle(bot.clone(), update))
        .into_updates();

    let polling = Polling::new(client).allowed_updates(allowed_updates());
    match connection.telegram {
        None => {
            let stop = stop_signal()?;
            polling.run_until(updates, stop).await?;
        }
        Some(telegram) => {
            polling.run_until(updates, conversation(telegram)).await?;
        }
    }
    Ok(())
}

/// Sends the bot a few updates, and shows what it does.
async fn conversation(telegram: Telegram) {
    for text in ["/start", "Hello", "/photo", "/call through the client"] {
        let update = match text.strip_prefix('/') {
            Some(_) => update::command(42, text),
            None => update::text(42, text),
        };
        let Ok(id) = telegram.enqueue(update) else {
            return;
        };
        say(&format!("> {text}"));
        if telegram.wait_until_confirmed(id).await.is_err() {
            return;
        }
    }
    for call in telegram.calls() {
        if call.method.starts_with("send") {
            let text = call.text("text").or_else(|| call.text("caption"));
            say(&format!("< {} {}", call.method, text.unwrap_or_default()));
        }
    }
}
