//! A bot in tonic's stack: one port serves gRPC (a health service) and the webhook.
//!
//! tonic has no limit for how many connections there are, so that a stranger can hold as many as the
//! process may have. On a public address, put a proxy in front that has one, or give the webhook a port
//! of its own with `tower_telegram::server::Server`.
//!
//! `cargo run -p tonic-example` plays a conversation with an embedded Telegram. With
//! `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set it is a bot in production.

use std::{io, time::Duration};

use example_bot::{Failure, Server, allowed_updates, handle, run};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_stream::{Stream, StreamExt as _, wrappers::TcpListenerStream};
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
        .tcp_nodelay(true)
        // A silent peer is asked whether it is there, and one that never says anything is closed.
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .max_connection_age(Duration::from_secs(120))
        .concurrency_limit_per_connection(64)
        .timeout(Duration::from_secs(60))
        .add_routes(Routes::from(routes))
        .serve_with_incoming_shutdown(incoming(server.listener), server.shutdown.requested())
        .await
        .map_err(io::Error::other)
}

/// What the listener accepts. An error, such as having no file descriptor left, is waited out: tonic
/// would try again at once, for as long as it lasts.
fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    TcpListenerStream::new(listener).then(async |accepted| {
        if accepted.is_err() {
            sleep(Duration::from_millis(200)).await;
        }
        accepted
    })
}
