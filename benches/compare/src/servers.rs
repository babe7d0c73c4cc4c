//! A server for each crate and setting of the bot. All run on one thread, with `TCP_NODELAY`.

use std::{convert::Infallible, hint::black_box, io, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    response::{IntoResponse, Response as AxumResponse},
    routing::post,
    serve::ListenerExt as _,
};
use bytes::Bytes;
use compare_calls::{TOKEN, api};
use futures_util::StreamExt as _;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use teloxide::{
    dispatching::UpdateFilterExt as _,
    error_handlers::LoggingErrorHandler,
    prelude::{Dispatcher, Message, respond},
    types::Update as TeloxideUpdate,
    update_listeners::{AsUpdateStream as _, UpdateListener, webhooks},
};
use tgbot::handler::{UpdateHandler, WebhookServer};
use tokio::net::TcpListener;
use tower_telegram::{types::{AllowedUpdates, UpdateType}, webhook::{SecretToken, Webhook}};

use crate::{SECRET, bot};

/// The names for [`serve`], with descriptions.
pub const SERVERS: [&str; 16] = [
    "hyper-unread",
    "hyper",
    "hyper-value",
    "axum-bytes",
    "axum-frankenstein",
    "teloxide-webhook",
    "teloxide-dispatcher",
    "tgbot",
    "ours-hyper-filtered",
    "ours-hyper",
    "ours-hyper-delivery",
    "ours-hyper-deadline",
    "ours-hyper-default",
    "ours-axum",
    "ours-axum-default",
    "api",
];

/// Serves until the program ends.
pub async fn serve(name: &str, listener: TcpListener) -> io::Result<()> {
    match name {
        "hyper-unread" => plain(listener, |_| async { Response::default() }).await,
        "hyper" => plain(listener, read_and_answer).await,
        "hyper-value" => plain(listener, value).await,
        "api" => plain(listener, api::answer).await,
        "axum-bytes" => {
            axum(
                listener,
                Router::new().route("/bot", post(async |_: Bytes| ())),
            )
            .await
        }
        "axum-frankenstein" => {
            axum(listener, Router::new().route("/bot", post(frankenstein))).await
        }
        "teloxide-webhook" => teloxide_webhook(listener).await,
        "teloxide-dispatcher" => teloxide_dispatcher(listener).await,
        "tgbot" => axum(listener, WebhookServer::new("/bot", TgBot).into()).await,
        _ => ours(name, listener).await,
    }
}

async fn ours(name: &str, listener: TcpListener) -> io::Result<()> {
    let secret = SecretToken::new(SECRET).expect("the secret has the form of one");
    let webhook = Webhook::new(secret).allowed_updates(AllowedUpdates::ALL);
    let webhook = match name {
        "ours-hyper-filtered" => webhook
            .allowed_updates([UpdateType::Poll])
            .without_delivery()
            .without_deadline(),
        "ours-hyper" | "ours-axum" => webhook.without_delivery().without_deadline(),
        "ours-hyper-delivery" => webhook.without_deadline(),
        "ours-hyper-deadline" => webhook.without_delivery(),
        "ours-hyper-default" | "ours-axum-default" => webhook,
        _ => panic!("no server has the name {name}"),
    };
    let service = webhook.handler(bot::ours);
    if name.starts_with("ours-axum") {
        return axum(listener, Router::new().route_service("/bot", service)).await;
    }
    let service = TowerToHyperService::new(service);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection);
    }
}

/// hyper with a function, without layers.
async fn plain<F, Fut>(listener: TcpListener, answer: F) -> io::Result<()>
where
    F: Fn(Request<Incoming>) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = Response<Full<Bytes>>> + Send,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service =
            service_fn(move |request| async move { Ok::<_, Infallible>(answer(request).await) });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn read(request: Request<Incoming>) -> Bytes {
    let body = request.into_body().collect().await;
    body.expect("the connection holds").to_bytes()
}

async fn read_and_answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    black_box(read(request).await);
    Response::default()
}

async fn value(request: Request<Incoming>) -> Response<Full<Bytes>> {
    if !bot::shows_secret(request.headers()) {
        return status(StatusCode::UNAUTHORIZED);
    }
    let Ok(update) = serde_json::from_slice(&read(request).await) else {
        return status(StatusCode::BAD_REQUEST);
    };
    match bot::value(&update) {
        Some(reply) => Response::builder()
            .header("content-type", "application/json")
            .body(reply.to_string().into())
            .expect("the head is a head"),
        None => Response::default(),
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

async fn axum(listener: TcpListener, router: Router) -> io::Result<()> {
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("the stream is open"));
    axum::serve(listener, router).await
}

async fn frankenstein(
    headers: HeaderMap,
    Json(update): Json<frankenstein::updates::Update>,
) -> AxumResponse {
    if !bot::shows_secret(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match bot::frankenstein(update) {
        Some(reply) => Json(reply).into_response(),
        None => Body::empty().into_response(),
    }
}

struct TgBot;

impl UpdateHandler for TgBot {
    async fn handle(&self, update: tgbot::types::Update) {
        black_box(bot::tgbot(&update));
    }
}

fn teloxide_listener() -> (impl UpdateListener<Err = Infallible>, Router) {
    let url = "http://127.0.0.1/bot".parse().expect("it is a URL");
    let options =
        webhooks::Options::new(([127, 0, 0, 1], 0).into(), url).secret_token(SECRET.to_owned());
    let (listener, _, router) = webhooks::axum_no_setup(options);
    (listener, router)
}

/// teloxide's webhook without a bot: its updates are received and parsed.
async fn teloxide_webhook(listener: TcpListener) -> io::Result<()> {
    let (mut updates, router) = teloxide_listener();
    tokio::spawn(axum(listener, router));
    let mut stream = std::pin::pin!(updates.as_stream());
    while let Some(Ok(update)) = stream.next().await {
        black_box(bot::teloxide(&update));
    }
    Ok(())
}

async fn teloxide_dispatcher(listener: TcpListener) -> io::Result<()> {
    // It calls `getMe` before it starts.
    let api = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", api.local_addr()?);
    tokio::spawn(plain(api, api::answer));
    let api = teloxide::Bot::new(TOKEN).set_api_url(url.parse().expect("it is a URL"));

    let (updates, router) = teloxide_listener();
    tokio::spawn(axum(listener, router));
    let handler = TeloxideUpdate::filter_message().endpoint(async |message: Message| {
        black_box(message.text().map(str::len));
        respond(())
    });
    Dispatcher::builder(api, handler)
        .default_handler(|_: Arc<TeloxideUpdate>| async {})
        .build()
        .dispatch_with_listener(updates, LoggingErrorHandler::new())
        .await;
    Ok(())
}
