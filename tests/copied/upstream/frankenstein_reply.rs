//! The function `main` for the example `async_reply_to_message_updates` of the package frankenstein, in place of its own.
//! The handler of that file stays as it is, and so do its imports, except that of `Bot`.
//!
//! ```toml
//! frankenstein = { version = "0.52", default-features = false, features = ["trait-async"] }
//! tokio = { version = "1.47", features = ["macros", "rt-multi-thread"] }
//! tower-telegram = { version = "0.1", features = ["server"] }
//! tower-telegram-frankenstein = "0.1"
//! tracing-subscriber = { version = "0.3", default-features = false, features = ["fmt", "std"] }
//! ```

use std::time::Duration;

use frankenstein::updates::Update;
use tower_telegram::{
    Client,
    server::Server,
    shutdown_signal,
    types::{AllowedUpdates, UpdateType},
    webhook::{Webhook, registration::WebhookEnv},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;
    let bot = Bot::new(client.clone());

    let allowed_updates = AllowedUpdates::from([UpdateType::Message]);
    let webhook = Webhook::new(settings.secret())
        .allowed_updates(allowed_updates)
        .parse_as::<Update>()
        .handler(move |update: Update| {
            let bot = bot.clone();
            async move {
                if let UpdateContent::Message(message) = update.content {
                    process_message(*message, bot).await;
                }
            }
        });
    let deliveries = webhook.deliveries();
    let server = Server::bind(settings.listen()).await?;
    let wanted = settings.set_webhook().allowed_updates(allowed_updates);
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    server.serve_with_shutdown(webhook, stop).await;

    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}
