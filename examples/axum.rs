//! A bot on axum: the webhook as one route of an ordinary router.
//!
//! `cargo run --example axum` plays a conversation with an embedded Telegram. With
//! `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set it is a bot in production.

use std::io;

use axum::Router;
use example_bot::{Failure, Server, allowed_updates, handle, run};
use tower_telegram::{server, webhook::Webhook};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    run(serve).await
}

async fn serve(bot: Server) -> io::Result<()> {
    let client = bot.client;
    let webhook = Webhook::new(bot.secret)
        .allowed_updates(allowed_updates())
        .handler(move |update| handle(client.clone(), update));

    let app = Router::new().route_service(&bot.path, webhook);

    // Behind a proxy that limits connections, `axum::serve(bot.listener, app)` does as well. By itself
    // it keeps a connection that never says anything, and strangers can hold all that there may be.
    server::Server::new(bot.listener)
        .serve_with_shutdown(app, bot.shutdown.requested())
        .await;
    Ok(())
}
