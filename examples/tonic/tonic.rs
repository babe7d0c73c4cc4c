//! A bot in tonic's stack: one port serves gRPC (a health service) and the webhook.
//!
//! tonic limits neither how many connections there are nor how long one may say nothing, so that a stranger
//! could hold all that the process may have. `LimitedListener` does, before tonic sees a connection.
//!
//! `cargo run -p tonic-example` plays a conversation with an embedded Telegram. With
//! `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set it is a bot in production.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use example_bot::{Failure, Server, allowed_updates, handle, run};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::{
    service::Routes,
    transport::server::{Connected, TcpConnectInfo},
};
use tower_telegram::{
    server::{LimitedListener, LimitedStream},
    webhook::Webhook,
};

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

    let connections = LimitedListener::new(server.listener).into_stream(Connection);

    tonic::transport::Server::builder()
        // gRPC needs HTTP/2; Telegram speaks HTTP/1.1.
        .accept_http1(true)
        // A peer of gRPC that says nothing is asked whether it is there.
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_concurrent_streams(64)
        .concurrency_limit_per_connection(64)
        .timeout(Duration::from_secs(60))
        .add_routes(Routes::from(routes))
        .serve_with_incoming_shutdown(connections, server.shutdown.requested())
        .await
        .map_err(io::Error::other)
}

/// A connection as tonic takes it, which asks for the address of the peer.
struct Connection(LimitedStream);

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        TcpConnectInfo {
            local_addr: self.0.local_addr().ok(),
            remote_addr: self.0.peer_addr().ok(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
