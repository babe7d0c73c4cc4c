//! The bot of `bot.rs`, behind a webhook of tower-telegram.
//!
//! ```sh
//! export TELEGRAM_BOT_TOKEN=… WEBHOOK_URL=https://bot.example/telegram
//! cargo run -p tower-telegram-frankenstein --example replies
//! ```
//!
//! `WebhookEnv` lists what else is read from the environment. `frankenstein.rs` is the function `main` that this one
//! replaces.

mod bot;

use std::{error::Error, time::Duration};

use frankenstein::updates::Update;
use tower_telegram::{
    Client,
    server::Server,
    shutdown_signal,
    types::{AllowedUpdates, UpdateType},
    webhook::{Webhook, registration::WebhookEnv},
};
use tower_telegram_frankenstein::Bot;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;
    let bot = Bot::new(client.clone());

    // The types of update that the bot handles.
    let allowed_updates = AllowedUpdates::from([UpdateType::Message]);
    let webhook = Webhook::new(settings.secret())
        .allowed_updates(allowed_updates)
        .parse_as::<Update>()
        .handler(move |update| {
            let bot = bot.clone();
            async move { bot::handle(&bot, update).await }
        });
    let deliveries = webhook.deliveries();
    let server = Server::bind(settings.listen()).await?;
    let wanted = settings.set_webhook().allowed_updates(allowed_updates);
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(webhook, stop).await;

    // Handlers go on after their request has ended. Wait for them, too.
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}
