//! gRPC and the webhook on one port: subscribers get the bot's messages as a stream.
//!
//! ```sh
//! cargo run -p tonic-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production. Its proxy should let only the webhook's path in from the internet. The service is:
//!
//! ```proto
//! // In the package `bot`. Each value is an update as JSON.
//! service Updates { rpc Subscribe(google.protobuf.Empty) returns (stream google.protobuf.BytesValue); }
//! ```

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::Request, routing::post};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::broadcast::{self, Sender},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tonic::{Response, Status, server::Grpc, service::Routes, transport::server::Connected};
use tonic_prost::ProstCodec;
use tower::service_fn;
use tower_telegram::{
    Client,
    methods::SendMessage,
    router::{Router, State},
    server::{LimitedListener, LimitedStream},
    shutdown_signal,
    types::ChatId,
    webhook::{RawUpdate, Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;

type BoxError = Box<dyn Error + Send + Sync>;

/// A subscriber that is this many updates behind loses its subscription. Their bytes are in memory once for all.
const CAPACITY: usize = 64;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let conversation = Playground::new().says("/start").says("hello").intrudes();
    if conversation.play().await? {
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let settings = WebhookEnv::from_env()?;
    let client = Client::from_env()?;

    let (updates, _) = broadcast::channel(CAPACITY);
    let bot = Router::new()
        .command("start", start)
        .message(publish)
        .with_state(updates.clone());
    let webhook = Webhook::new(settings.secret()).router(bot);
    let deliveries = webhook.deliveries();
    let wanted = settings.set_webhook();
    let wanted = wanted.allowed_updates(webhook.allowed_updates());

    let stopping = CancellationToken::new();
    let (stopped, all_stopped) = (stopping.clone(), stopping.clone());
    // A method as tonic's code generator makes it, but a route.
    let subscribe = async move |request: Request| {
        let subscribe = |_: tonic::Request<()>| {
            let stream = subscribe(&updates, stopped.clone());
            std::future::ready(Ok::<_, Status>(Response::new(stream)))
        };
        let mut grpc = Grpc::new(ProstCodec::<Bytes, ()>::default());
        grpc.server_streaming(service_fn(subscribe), request).await
    };
    let (mut reporter, health) = tonic_health::server::health_reporter();
    // tonic's routes are axum's, so the webhook is beside the gRPC services.
    let routes = Routes::new(health)
        .into_axum_router()
        .route("/bot.Updates/Subscribe", post(subscribe))
        .route_service(&settings.axum_route()?, webhook);

    // tonic limits neither how many connections there are nor how long one may be silent.
    let listener = LimitedListener::bind(settings.listen()).await?;
    client.ensure_webhook(&wanted).await?;
    let stop = shutdown_signal()?;
    let serving = tonic::transport::Server::builder()
        .accept_http1(true) // Telegram's. gRPC needs HTTP/2.
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .max_concurrent_streams(64)
        .timeout(Duration::from_secs(60))
        .add_routes(Routes::from(routes))
        .serve_with_incoming_shutdown(listener.into_stream(Connection), async move {
            stop.await;
            // The server waits for all responses: end the streams of health and of updates.
            reporter.clear_service_status("").await;
            stopping.cancel();
        });
    tokio::select! {
        served = serving => served?,
        // A subscriber that reads nothing would hold up the end.
        () = async { all_stopped.cancelled().await; sleep(Duration::from_secs(60)).await } => {}
    }
    deliveries.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

async fn start(chat: ChatId) -> SendMessage {
    SendMessage::new(chat, "Say something to the subscribers.")
}

/// Never waits for a subscriber. Below the deliveries, so that subscribers get a redelivered update once.
async fn publish(
    State(updates): State<Sender<Bytes>>,
    raw: RawUpdate,
    chat: ChatId,
) -> SendMessage {
    // The error means that there are no subscribers.
    let subscribers = updates.send(raw.bytes().clone()).unwrap_or_default();
    SendMessage::new(chat, format!("Sent to {subscribers} subscribers."))
}

/// The updates from now on. tonic ends the stream after the first error, which is the status of the call.
fn subscribe(
    updates: &Sender<Bytes>,
    stopping: CancellationToken,
) -> impl Stream<Item = Result<Bytes, Status>> + use<> {
    let subscription = (updates.subscribe(), stopping);
    stream::unfold(subscription, async |(mut updates, stopping)| {
        let update = tokio::select! {
            update = updates.recv() => update.map_err(|error| {
                Status::resource_exhausted(format!("the subscriber is too slow: {error}"))
            }),
            () = stopping.cancelled() => Err(Status::unavailable("the bot is stopping")),
        };
        Some((update, (updates, stopping)))
    })
}

/// A connection of a type that tonic takes. Only a type of one's own can implement its trait.
struct Connection(LimitedStream);

impl Connected for Connection {
    type ConnectInfo = ();
    fn connect_info(&self) {}
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

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
