//! A bot with a queue on Redis whose traces go through the queue: the span of an update that a worker handles has a link
//! to the span in which the webhook put the update there.
//!
//! ```sh
//! redis-server &
//! cargo run -p observability-example --bin observability-queue
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production, with its queue in the Redis at `REDIS_URL` (default: `redis://127.0.0.1`). Spans go to the OpenTelemetry
//! collector at `OTEL_EXPORTER_OTLP_ENDPOINT` (default: `http://localhost:4317`). Webhook and worker are one process
//! here; they may as well be many, with the same functions in each.

use std::{collections::HashMap, env, error::Error};

use axum::Router;
use opentelemetry::{
    propagation::TextMapPropagator as _,
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use redis::aio::ConnectionManager;
use tokio::sync::oneshot;
use tower_telegram::{
    Client,
    client::{RetryLayer, TraceCallsLayer},
    methods::SendMessage,
    redis::{RedisQueue, WakeUps},
    server::Server,
    shutdown_signal,
    trace::TraceUpdatesLayer,
    types::{Update, UpdateType},
    webhook::{Webhook, registration::WebhookEnv},
};
use tower_telegram_test::Playground;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    if Playground::new().says("hello").play().await? {
        return Ok(());
    }
    let spans = install_spans()?;
    let ended = run().await;
    // The last spans are exported also if the bot ends with an error: they say why.
    tokio::task::spawn_blocking(move || spans.shutdown()).await??;
    ended
}

async fn run() -> Result<(), AnyError> {
    // Settings.
    let settings = WebhookEnv::from_env()?;
    let url = env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1".to_owned());
    let redis = redis::Client::open(url)?;

    // Client.
    let client = Client::builder_from_env()?
        .layer(TraceCallsLayer::new())
        .layer(RetryLayer::new())
        .build();

    // Queue: an update takes the context of its span with it.
    let connection = ConnectionManager::new(redis.clone()).await?;
    let queue = RedisQueue::new(connection, "my_bot")
        .wake_ups(&WakeUps::new(redis))
        .trace_context(current_context);

    // Handlers. Each span of a worker is linked to that context.
    let webhook = Webhook::new(settings.secret())
        .allowed_updates([UpdateType::Message])
        .trace(TraceUpdatesLayer::new().link_with(link));
    let calling = client.clone();
    let handler = webhook
        .clone()
        .handler(move |update| handle(calling.clone(), update));
    let wanted = settings
        .set_webhook()
        .allowed_updates(handler.allowed_updates());

    // Worker.
    let (mut stop_worker, stopped) = oneshot::channel::<()>();
    let worker = queue
        .worker(client.clone())
        .run_until(handler.into_updates(), async {
            drop(stopped.await);
        });
    let worker = tokio::spawn(worker);

    // Server.
    let app = Router::new().route_service(&settings.axum_route()?, webhook.queue(&queue));
    let server = Server::bind(settings.listen()).await?;

    // Webhook.
    client.ensure_webhook(&wanted).await?;

    // Shutdown: first no new requests, then what the worker has begun. The rest stays in the queue. A worker that ends
    // with an error ends the bot, because the queue would only fill up.
    let signal = shutdown_signal()?;
    let ends = async {
        tokio::select! {
            () = signal => {}
            () = stop_worker.closed() => {}
        }
    };
    server.serve_with_shutdown(app, ends).await;
    drop(stop_worker);
    worker.await??;
    Ok(())
}

async fn handle(client: Client, update: Update) -> Result<(), AnyError> {
    let Some(message) = update.new_message() else {
        return Ok(());
    };
    client
        .send(SendMessage::new(message.chat.id, "Hello."))
        .await?;
    Ok(())
}

/// The context of the current span, as a `traceparent`.
fn current_context() -> Option<String> {
    let mut fields = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut fields);
    fields.remove("traceparent")
}

/// Links the span to the one with this `traceparent`. It isn't a child of that: an update may wait for long, and may be
/// handled more than once.
fn link(traceparent: &str, span: &Span) {
    let fields = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&fields);
    span.add_link(context.span().span_context().clone());
}

/// Spans go to the collector, and events to the log.
fn install_spans() -> Result<SdkTracerProvider, AnyError> {
    let exporter = SpanExporter::builder().with_tonic().build()?;
    let resource = Resource::builder().with_service_name("bot").build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build();
    // A trace layer below the client would write the bot's token into log and spans (see `guide::observability`). This bot
    // has none; these filters keep the token out even if one is added later.
    let log_filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log_filter = log_filter
        .add_directive("tower_http::trace=off".parse()?)
        .add_directive("reqwest_tracing=off".parse()?);
    // Not `RUST_LOG`, which is for the log: with the log at `trace`, the exporter would export its own connection's spans.
    let span_filter = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("tower_http::trace", LevelFilter::OFF)
        .with_target("reqwest_tracing", LevelFilter::OFF);
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("bot"));
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_filter(log_filter))
        .with(spans.with_filter(span_filter))
        .try_init()?;
    Ok(provider)
}
