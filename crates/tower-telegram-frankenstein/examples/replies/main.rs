//! The bot of `bot.rs`, behind a webhook of tower-telegram.
//!
//! ```sh
//! export TELEGRAM_BOT_TOKEN=… WEBHOOK_URL=https://bot.example/telegram
//! cargo run -p tower-telegram-frankenstein --example replies
//! ```
//!
//! `WebhookEnv` lists what else is read from the environment. The page `from_frankenstein` of tower-telegram's guide has
//! the function `main` that this one replaces.

mod bot;

use std::{error::Error, time::Duration};

use frankenstein::updates::Update;
use tower_telegram::{
    Client,
    server::Server,
    shutdown_signal,
    webhook::{DeliveryLayer, Webhook, registration::WebhookEnv},
};
use tower_telegram_frankenstein::Bot;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;
    let bot = Bot::new(client.clone());

    let delivery = DeliveryLayer::new();
    let deliveries = delivery.handle();
    let webhook = Webhook::new(settings.secret())
        .delivery(delivery)
        .parse_as::<Update>()
        .handler(move |update| {
            let bot = bot.clone();
            async move { bot::handle(&bot, update).await }
        });
    let server = Server::bind(settings.listen()).await?;
    client.ensure_webhook(&settings.set_webhook()).await?;
    server
        .serve_with_shutdown(webhook, shutdown_signal()?)
        .await;
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}
