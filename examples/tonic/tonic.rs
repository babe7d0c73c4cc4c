//! gRPC and the webhook on one port: here, gRPC's health service.
//!
//! ```sh
//! cargo run -p tonic-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::{
    service::Routes,
    transport::server::{Connected, TcpConnectInfo},
};
use tower_telegram::{
    Client,
    methods::SendMessage,
    router::{NewMessage, Router},
    server::{LimitedListener, LimitedStream},
    shutdown_signal,
    types::ChatId,
    webhook::{DeliveryLayer, Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = Playground::new().says("/start").says("hello").intrudes();
    if conversation.play().await? {
        return Ok(());
    }
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;

    let bot: Router = Router::new().command("start", start).message(echo);
    let wanted = settings
        .set_webhook()
        .allowed_updates(bot.allowed_updates());
    let delivery = DeliveryLayer::new();
    let deliveries = delivery.handle();
    let webhook = Webhook::new(settings.secret())
        .delivery(delivery)
        .router(bot);

    let (_, health) = tonic_health::server::health_reporter();
    // tonic's routes are axum's, so the webhook stands beside the gRPC services.
    let routes = Routes::new(health)
        .into_axum_router()
        .route_service(settings.path(), webhook);

    // tonic limits neither how many connections there are nor how long one may be silent.
    let listener = LimitedListener::bind(settings.listen()).await?;
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    tonic::transport::Server::builder()
        // gRPC needs HTTP/2, and Telegram speaks HTTP/1.1.
        .accept_http1(true)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_concurrent_streams(64)
        .concurrency_limit_per_connection(64)
        .timeout(Duration::from_secs(60))
        .add_routes(Routes::from(routes))
        .serve_with_incoming_shutdown(listener.into_stream(Connection), stop)
        .await?;
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

async fn start(chat: ChatId) -> SendMessage {
    SendMessage::new(chat, "Say something.")
}

async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
    Some(SendMessage::new(message.chat.id, message.text?))
}

/// A connection that tells tonic its addresses.
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
