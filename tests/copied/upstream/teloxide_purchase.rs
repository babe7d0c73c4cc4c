//! The function `main` for the example `purchase` of the package teloxide, in place of its own. The handlers, the types
//! and the tree of that file stay as they are.
//!
//! ```toml
//! teloxide = { version = "0.17", default-features = false, features = ["macros", "rustls"] }
//! tokio = { version = "1.47", features = ["macros", "rt-multi-thread"] }
//! tower-telegram = { version = "0.1", features = ["server"] }
//! tower-telegram-teloxide = "0.1"
//! tracing-subscriber = { version = "0.3", default-features = false, features = ["fmt", "std", "tracing-log"] }
//! ```

use std::time::Duration;

use teloxide::error_handlers::IgnoringErrorHandlerSafe;
use tower_telegram::{
    Client,
    server::Server,
    shutdown_signal,
    types::AllowedUpdates,
    webhook::{Webhook, registration::WebhookEnv},
};
use tower_telegram_teloxide::{Bridge, TeloxideUpdate};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let bot = Bot::from_env();
    let client = Client::from_env()?;
    let settings = WebhookEnv::from_env()?;

    let bridge = Bridge::new(schema());
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
        .dependencies(dptree::deps![InMemStorage::<State>::new()])
        .build();
    let dispatch = dispatcher.dispatch_with_listener(listener, IgnoringErrorHandlerSafe::new());
    tokio::join!(serve, dispatch);

    deliveries.shutdown(Duration::from_secs(30)).await;
    registered.await?;
    Ok(())
}
