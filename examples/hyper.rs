//! A bot on bare hyper: the webhook is the whole server.
//!
//! `cargo run --example hyper` plays a conversation with an embedded Telegram. With
//! `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set it is a bot in production.

use std::io;

use example_bot::{Failure, Server, allowed_updates, handle, run};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
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

    let connections = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(server.shutdown.requested());
    loop {
        let (stream, _) = tokio::select! {
            accepted = server.listener.accept() => accepted?,
            () = &mut shutdown => break,
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(
                TokioIo::new(stream),
                TowerToHyperService::new(webhook.clone()),
            );
        // A connection that breaks is Telegram's to make again.
        tokio::spawn(connections.watch(connection));
    }
    connections.shutdown().await;
    Ok(())
}
