//! The layers and the client with another crate's Telegram types, here frankenstein's: for handlers that are written
//! already.
//!
//! ```sh
//! cargo run -p foreign-types-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production.

use std::{error::Error, time::Duration};

use frankenstein::{
    methods::SendMessageParams,
    types::Message,
    updates::{Update, UpdateContent},
};
use serde::Serialize;
use tower_telegram::{
    Client, InlineMethod, Method,
    server::Server,
    shutdown_signal,
    types::UpdateType,
    webhook::{Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = Playground::new().says("/start").says("/call").says("hello");
    if conversation.intrudes().play().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;

    let calling = client.clone();
    let webhook = Webhook::new(settings.secret())
        .allowed_updates([UpdateType::Message])
        // Any type that implements `Deserialize`: teloxide's `Update`, or a struct with the fields that you read.
        .parse_as::<Update>()
        // frankenstein has no types for newer kinds of update. Such an update isn't sent again, so log it.
        .on_unreadable(|raw, error| {
            tracing::warn!(update_id = raw.update_id(), %error, "update doesn't fit");
        })
        .handler(move |update| handle(calling.clone(), update));
    let deliveries = webhook.deliveries();
    let wanted = settings
        .set_webhook()
        .allowed_updates(webhook.allowed_updates());

    let app = axum::Router::new().route_service(&settings.axum_route()?, webhook);
    let server = Server::bind(settings.listen()).await?;
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(app, stop).await;
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

/// The connection between the two: the reply of a handler in frankenstein's types, and a call in them.
async fn handle(client: Client, update: Update) -> Result<Option<SendText>, BoxError> {
    let UpdateContent::Message(message) = update.content else {
        return Ok(None);
    };
    let Some(params) = answer(&message) else {
        return Ok(None);
    };
    if message.text.as_deref() != Some("/call") {
        // In the response to Telegram.
        return Ok(Some(SendText(params)));
    }
    // By a call, whose result is in frankenstein's types as well.
    let sent: Message = client.send(SendText(params)).await?;
    tracing::info!(sent.message_id, "sent");
    Ok(None)
}

/// A handler that is written already. It knows nothing of this crate.
fn answer(message: &Message) -> Option<SendMessageParams> {
    let text = match message.text.as_deref()? {
        "/start" => "Say something.".to_owned(),
        text => format!("You said {text}"),
    };
    let params = SendMessageParams::builder().chat_id(message.chat.id);
    Some(params.text(text).build())
}

/// frankenstein's parameters of `sendMessage` as a method that the client sends.
#[derive(Serialize)]
#[serde(transparent)]
struct SendText(SendMessageParams);

impl Method for SendText {
    type Output = Message;
    const NAME: &'static str = "sendMessage";
    // Sent twice, it is two messages.
    const IDEMPOTENT: bool = false;
}

/// Telegram also takes it in the response to an update.
impl InlineMethod for SendText {}
