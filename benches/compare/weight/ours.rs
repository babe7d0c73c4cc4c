//! The bot of `examples/axum.rs` in production: it sets its webhook, and serves it.

use std::error::Error;

use axum::Router;
use tokio::net::TcpListener;
use tower_telegram::{BotToken, Client, methods::{SendMessage, SetWebhook}, types::Update, webhook::{SecretToken, Webhook}};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let token: BotToken = std::env::var("TELEGRAM_BOT_TOKEN")?.parse()?;
    let url = std::env::var("WEBHOOK_URL")?;
    // The same secret after a restart, because Telegram doesn't report the present one.
    let secret = SecretToken::derive(token.expose().as_bytes(), token.bot_id());

    let webhook = Webhook::new(secret.clone()).handler(async |update: Update| {
        let message = update.new_message()?;
        Some(SendMessage::new(message.chat.id, message.text.clone()?))
    });
    let app = Router::new().route_service("/bot", webhook);

    let listener = TcpListener::bind(("0.0.0.0", 8080)).await?;
    let client = Client::new(&token);
    client.ensure_webhook(&SetWebhook::new(url).secret_token(secret)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
