//! A bot in tonic's stack: one port serves gRPC (a health service) and the webhook.
//!
//! `cargo run -p tonic-example` plays a conversation with an embedded Telegram. With
//! `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set it is a bot in production.

use std::io;

use example_bot::{Failure, Server, allowed_updates, handle, run};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
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

    let (_, health) = tonic_health::server::health_reporter();
    // tonic's routes are axum's, so the webhook stands beside the gRPC services.
    let routes = Routes::new(health)
        .into_axum_router()
        .route_service(&server.path, webhook);

    tonic::transport::Server::builder()
        // gRPC needs HTTP/2; Telegram speaks HTTP/1.1.
        .accept_http1(true)
        .add_routes(Routes::from(routes))
        .serve_with_incoming_shutdown(
            TcpListenerStream::new(server.listener),
            server.shutdown.requested(),
        )
        .await
        .map_err(io::Error::other)
}
