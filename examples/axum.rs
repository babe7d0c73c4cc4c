//! A bot on axum: the webhook as one route of an ordinary router.
//!
//! `cargo run --example axum` plays a conversation with an embedded Telegram. With
//! `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set it is a bot in production.

use std::io;

use axum::Router;
use example_bot::{Failure, Server, allowed_updates, handle, run};
use tower_telegram::webhook::Webhook;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    run(serve).await
}

async fn serve(server: Server) -> io::Result<()> {
    let client = server.client;
    let webhook = Webhook::new(server.secret)
        .allowed_updates(allowed_updates())
        .handler(move |update| handle(client.clone(), update));

    let app = Router::new().route_service(&server.path, webhook);

    axum::serve(server.listener, app)
        .with_graceful_shutdown(server.shutdown.requested())
        .await
}
