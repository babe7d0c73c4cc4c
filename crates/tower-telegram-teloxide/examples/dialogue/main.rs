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

use teloxide::{
    dispatching::dialogue::InMemStorage, error_handlers::LoggingErrorHandler, prelude::*,
};
use tower_telegram::{
    Client,
    server::Server,
    types::AllowedUpdates,
    webhook::{Webhook, registration::WebhookEnv},
};
use tower_telegram_teloxide::{Bridge, TeloxideUpdate};

#[tokio::main]
async fn main() -> Result<(), bot::BoxError> {
    let bot = Bot::from_env();
    let client = Client::from_env()?;
    let settings = WebhookEnv::from_env()?;

    let bridge = Bridge::new(bot::tree());
    let webhook = Webhook::new(settings.secret())
        .allowed_updates(AllowedUpdates::ALL)
        .parse_as::<TeloxideUpdate>()
        .service(bridge.service);
    let listener = bridge
        .listener
        .ensure_webhook(client, settings.set_webhook());
    let server = Server::bind(settings.listen()).await?;
    let serve = server.serve_with_shutdown(webhook, listener.stopped());

    let mut dispatcher = Dispatcher::builder(bot, bridge.handler)
        .dependencies(dptree::deps![InMemStorage::<bot::Step>::new()])
        .enable_ctrlc_handler()
        .build();
    let dispatch = dispatcher.dispatch_with_listener(listener, LoggingErrorHandler::new());
    tokio::join!(serve, dispatch);
    Ok(())
}
