//! A bot on the crate's own server, which is hyper with limits: the webhook is the whole server.
//!
//! `cargo run --example hyper` plays a conversation with an embedded Telegram. With
//! `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set it is a bot in production.

use std::io;

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

    // With its limits on connections, strangers on the internet can't keep Telegram out.
    server::Server::new(bot.listener)
        .serve_with_shutdown(webhook, bot.shutdown.requested())
        .await;
    Ok(())
}
