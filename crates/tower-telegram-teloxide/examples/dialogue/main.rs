//! The bot of `bot.rs`, behind a webhook of tower-telegram.
//!
//! ```sh
//! export TELOXIDE_TOKEN=… TELEGRAM_BOT_TOKEN=$TELOXIDE_TOKEN WEBHOOK_URL=https://bot.example/telegram
//! cargo run -p tower-telegram-teloxide --example dialogue
//! ```
//!
//! `WebhookEnv` lists what else is read from the environment. `teloxide.rs` is the function `main` that this one
//! replaces.

mod bot;

use std::time::Duration;

use teloxide::{
    dispatching::dialogue::InMemStorage, error_handlers::IgnoringErrorHandlerSafe, prelude::*,
};
use tower_telegram::{
    Client,
    server::Server,
    shutdown_signal,
    types::AllowedUpdates,
    webhook::{Webhook, registration::WebhookEnv},
};
use tower_telegram_teloxide::{Bridge, TeloxideUpdate};

#[tokio::main]
async fn main() -> Result<(), bot::BoxError> {
    tracing_subscriber::fmt().init();
    let bot = Bot::from_env();
    let client = Client::from_env()?;
    let settings = WebhookEnv::from_env()?;

    let bridge = Bridge::new(bot::tree());
    // The dispatcher's tree is the filter. The listener asks Telegram for what the tree has handlers for.
    let webhook = Webhook::new(settings.secret())
        .allowed_updates(AllowedUpdates::ALL)
        .parse_as::<TeloxideUpdate>()
        .service(bridge.service);
    let deliveries = webhook.deliveries();
    let listener = bridge.listener.with_shutdown(shutdown_signal()?);
    let (listener, registered) = listener.ensure_webhook(client, settings.set_webhook());
    let server = Server::bind(settings.listen()).await?;
    let serve = server.serve_with_shutdown(webhook, listener.stopped());

    let mut dispatcher = Dispatcher::builder(bot, bridge.handler)
        .dependencies(dptree::deps![InMemStorage::<bot::Step>::new()])
        .build();
    let dispatch = dispatcher.dispatch_with_listener(listener, IgnoringErrorHandlerSafe::new());
    tokio::join!(serve, dispatch);

    // Handlers go on after their request has ended. Wait for them, too.
    deliveries.shutdown(Duration::from_secs(30)).await;
    // If the webhook couldn't be set, dispatching has ended as well.
    registered.await?;
    Ok(())
}
