//! A bot with Prometheus metrics, OpenTelemetry spans and health probes.
//!
//! ```sh
//! cargo run -p observability-example
//! ```
//!
//! tries the bot against a Telegram on this machine. With `TELEGRAM_BOT_TOKEN` and `WEBHOOK_URL` set, it is a bot in
//! production. `/metrics`, `/livez` and `/readyz` are served at `ADMIN_LISTEN` (default `127.0.0.1:9100`), which only
//! Prometheus and the orchestrator should reach. Spans go to the collector at `OTEL_EXPORTER_OTLP_ENDPOINT`, such as
//! `http://localhost:4317`; without it they are only context of the log.

use std::{env, error::Error, time::Duration};

use axum::{Router, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::net::TcpListener;
use tower_telegram::{
    Client,
    client::{RateLimitLayer, RetryLayer, TraceCallsLayer},
    health::{Livez, Readyz},
    methods::SendMessage,
    server::Server,
    shutdown_signal,
    trace::describe_metrics,
    types::{Update, UpdateType},
    webhook::{
        SequenceLayer, Webhook,
        registration::{WebhookEnv, WebhookHealth},
    },
};
use tower_telegram_test::Playground;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let conversation = Playground::new().says("hello").says("/slow").says("/fail");
    if conversation.play().await? {
        return Ok(());
    }
    let spans = install_spans()?;
    let ended = run().await;
    // The last spans are exported also if the bot ends with an error: they say why.
    if let Some(spans) = spans {
        tokio::task::spawn_blocking(move || spans.shutdown()).await??;
    }
    ended
}

async fn run() -> Result<(), AnyError> {
    // Settings.
    let settings = WebhookEnv::from_env()?;
    let admin = env::var("ADMIN_LISTEN").unwrap_or_else(|_| "127.0.0.1:9100".to_owned());
    let admin_listener = TcpListener::bind(admin).await?;
    let metrics = install_metrics()?;

    // Client: the span of a call covers its repeats and its waits.
    let client = Client::builder_from_env()?
        .layer(TraceCallsLayer::new())
        .layer(RetryLayer::new())
        .layer(RateLimitLayer::new())
        .build();

    // Handlers. `Webhook` makes the spans of updates.
    let calling = client.clone();
    let webhook = Webhook::new(settings.secret())
        .allowed_updates([UpdateType::Message])
        .sequence(SequenceLayer::new())
        .handler(move |update| handle(calling.clone(), update));
    let deliveries = webhook.deliveries();

    // Server.
    let wanted = settings
        .set_webhook()
        .allowed_updates(webhook.allowed_updates());
    let watch = WebhookHealth::new(client.clone(), &wanted).interval(Duration::from_secs(30));
    let readyz = Readyz::new().webhook(watch.handle());
    let ready = readyz.handle();
    let admin = Router::new()
        .route_service("/livez", Livez)
        .route_service("/readyz", readyz)
        .route("/metrics", get(async move || metrics.render()));
    tokio::spawn(async move { axum::serve(admin_listener, admin).await });
    let app = Router::new().route_service(&settings.axum_route()?, webhook);
    let server = Server::bind(settings.listen()).await?;

    // Webhook.
    client.ensure_webhook(&wanted).await?;
    tokio::spawn(watch.run());
    ready.started();

    // Shutdown: first no new requests, then what runs.
    let stopped = shutdown_signal()?;
    let stop = async move {
        stopped.await;
        ready.drain();
    };
    server.serve_with_shutdown(app, stop).await;
    deliveries.shutdown(Duration::from_secs(20)).await;
    Ok(())
}

async fn handle(client: Client, update: Update) -> Result<(), AnyError> {
    let Some(message) = update.new_message() else {
        return Ok(());
    };
    match message.text.as_deref() {
        Some("/fail") => return Err("the database is down".into()),
        Some("/slow") => tokio::time::sleep(Duration::from_secs(2)).await,
        _ => {}
    }
    client
        .send(SendMessage::new(message.chat.id, "Hello."))
        .await?;
    Ok(())
}

/// Spans go to the log, and to an OpenTelemetry collector if there is one.
fn install_spans() -> Result<Option<SdkTracerProvider>, AnyError> {
    // A trace layer below the client would write the bot's token into the log (see `guide::observability`).
    // This bot has none; these directives keep the token out even if one is added later.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = filter
        .add_directive("tower_http::trace=off".parse()?)
        .add_directive("reqwest_tracing=off".parse()?);
    let log = tracing_subscriber::fmt::layer().with_filter(filter);
    let log = tracing_subscriber::registry().with(log);
    if env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
        log.try_init()?;
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_tonic().build()?;
    let resource = Resource::builder().with_service_name("bot").build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build();
    // A filter of its own: `RUST_LOG` is for the log. With the log at `trace`, the exporter's own connection would have
    // spans, which it would export, and so on.
    let span_filter = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("tower_http::trace", LevelFilter::OFF)
        .with_target("reqwest_tracing", LevelFilter::OFF);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bot"));
    log.with(layer.with_filter(span_filter)).try_init()?;
    Ok(Some(provider))
}

/// Metrics are kept until Prometheus scrapes them.
fn install_metrics() -> Result<PrometheusHandle, AnyError> {
    let handle = PrometheusBuilder::new()
        // `_total` and `_seconds`, as Prometheus wants its names.
        .with_recommended_naming(true)
        .set_buckets(&[
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
            3600.0,
        ])?
        .install_recorder()?;
    describe_metrics();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
