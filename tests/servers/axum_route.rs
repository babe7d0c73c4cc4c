//! An axum handler with axum's state, inside the whole stack of a webhook.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use serde_json::Value;
use tower_telegram::{
    axum::Telegram,
    methods::SendMessage,
    types::{Update, UpdateType},
    webhook::{DeliveryLayer, RawUpdate, Webhook},
};

use crate::support::{
    adapter::{Endpoint, secret},
    servers::serve_axum,
    wire::{Answer, Call, SECRET, SECRET_HEADER},
};

#[derive(Clone, Default)]
struct App {
    calls: Arc<AtomicU32>,
}

/// Its first call fails where the text is "fail".
async fn greet(
    State(app): State<App>,
    Telegram(update): Telegram<Update>,
) -> Result<Telegram<Option<SendMessage>>, StatusCode> {
    let calls = app.calls.fetch_add(1, Ordering::Relaxed);
    let text = update
        .any_message()
        .and_then(|message| message.text.as_deref());
    if text == Some("fail") && calls == 0 {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let chat = update.any_message().map(|message| message.chat.id);
    Ok(Telegram(chat.map(|chat| {
        SendMessage::new(chat, format!("call {}", calls + 1))
    })))
}

async fn served(webhook: Webhook) -> (Endpoint, App) {
    let app = App::default();
    let router = Router::new()
        .route("/bot", post(greet))
        .route_layer(webhook)
        .with_state(app.clone());
    (serve_axum(router).await, app)
}

fn message(id: u8, text: &str) -> Call {
    let chat = r#""chat":{"id":42,"type":"private"}"#;
    let json = format!(
        r#"{{"update_id":{id},"message":{{"message_id":1,"date":0,{chat},"text":"{text}"}}}}"#
    );
    Call::new(json)
}

fn text(answer: &Answer) -> Option<String> {
    let json: Value = serde_json::from_slice(&answer.body).ok()?;
    json["text"].as_str().map(Into::into)
}

#[tokio::test]
async fn d16_a_redelivery_to_a_route_of_axums_gets_the_reply_without_a_call() {
    let (bot, app) = served(Webhook::new(secret(SECRET))).await;
    for _ in 0..3 {
        let answer = bot.send(&message(1, "hi")).await;
        assert_eq!(
            (answer.status, text(&answer).as_deref()),
            (200, Some("call 1"))
        );
    }
    assert_eq!(app.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn d5_a_route_of_axums_that_fails_is_called_again() {
    let (bot, app) = served(Webhook::new(secret(SECRET))).await;
    let failed = bot.send(&message(1, "fail")).await;
    assert_eq!(
        (failed.status, failed.header("retry-after")),
        (500, Some("1"))
    );
    let answer = bot.send(&message(1, "fail")).await;
    assert_eq!(text(&answer).as_deref(), Some("call 2"));
    assert_eq!(app.calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a2_c1_a_rejected_or_unwanted_request_calls_no_route() {
    let webhook = Webhook::new(secret(SECRET)).allowed_updates([UpdateType::CallbackQuery]);
    let (bot, app) = served(webhook).await;
    let wrong = message(1, "hi").header(SECRET_HEADER, "wrong");
    assert_eq!(bot.send(&wrong).await.status, 401);
    let unwanted = bot.send(&message(1, "hi")).await;
    assert_eq!((unwanted.status, unwanted.body.len()), (200, 0));
    assert_eq!(app.calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn j14_an_update_that_a_route_cannot_read_is_given_to_the_hook() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&seen);
    let webhook = Webhook::new(secret(SECRET)).on_unreadable(move |raw, error| {
        let error = error.to_string();
        hook.lock()
            .expect("no panic")
            .push((raw.update_id(), error));
    });
    let pair = async |Telegram(_): Telegram<(u8, u8)>| StatusCode::OK;
    let router = Router::new().route("/bot", post(pair)).route_layer(webhook);
    let bot = serve_axum(router).await;
    for _ in 0..2 {
        let answer = bot.send(&message(1, "hi")).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
    }
    let seen = seen.lock().expect("no panic");
    assert_eq!(
        seen.len(),
        1,
        "once, because the redelivery is answered by the store: {seen:?}"
    );
    assert_eq!(seen[0].0, 1);
}

/// Telegram deletes a webhook that responds only with 410 for about a day; headers for browsers are removed.
#[tokio::test]
async fn e6_a_status_that_telegram_must_not_get_is_a_500() {
    let statuses = [100, 103, 301, 302, 304, 308, 410].map(StatusCode::from_u16);
    for status in statuses {
        let status = status.expect("a status");
        let headers = [
            ("location", "/elsewhere"),
            ("set-cookie", "a=b"),
            ("retry-after", "7"),
        ];
        let handler = async move |_: RawUpdate| (status, headers);
        let webhook = Webhook::new(secret(SECRET));
        let router = Router::new()
            .route("/bot", post(handler))
            .route_layer(webhook);
        let bot = serve_axum(router).await;
        let answer = bot.send(&message(1, "hi")).await;
        assert_eq!(answer.status, 500, "{status}");
        assert_eq!(answer.header("retry-after"), Some("7"), "{status}");
        for name in ["location", "set-cookie"] {
            assert_eq!(answer.header(name), None, "{status} {name}");
        }
    }
    // Over a socket, and counted: after the last attempt the update is abandoned.
    let gone = async |_: RawUpdate| StatusCode::GONE;
    let webhook = Webhook::new(secret(SECRET)).delivery(DeliveryLayer::new().max_attempts(2));
    let router = Router::new().route("/bot", post(gone)).route_layer(webhook);
    let bot = serve_axum(router).await;
    for expected in [500, 200] {
        assert_eq!(bot.send(&message(1, "hi")).await.status, expected);
    }
}

/// A layer and the handler respond with the same status, and both mean that it is to be tried later.
#[tokio::test]
async fn d14_a_route_of_axums_that_has_no_room_is_not_counted() {
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    let handler = async move |_: RawUpdate| {
        let is_busy = count.fetch_add(1, Ordering::Relaxed) < 3;
        if is_busy {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        }
    };
    let webhook = Webhook::new(secret(SECRET)).delivery(DeliveryLayer::new().max_attempts(1));
    let router = Router::new()
        .route("/bot", post(handler))
        .route_layer(webhook);
    let bot = serve_axum(router).await;
    for expected in [503, 503, 503, 200] {
        assert_eq!(bot.send(&message(1, "hi")).await.status, expected);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    // A status that says nothing of the kind is a failure.
    let slow = async |_: RawUpdate| StatusCode::REQUEST_TIMEOUT;
    let webhook = Webhook::new(secret(SECRET)).delivery(DeliveryLayer::new().max_attempts(1));
    let router = Router::new().route("/bot", post(slow)).route_layer(webhook);
    let bot = serve_axum(router).await;
    assert_eq!(bot.send(&message(1, "hi")).await.status, 200, "abandoned");
}

/// A text isn't a reply: it couldn't be given again.
#[tokio::test]
async fn a_body_without_a_reply_is_dropped() {
    let raw = async |raw: RawUpdate| raw.update_id().to_string();
    let webhook = Webhook::new(secret(SECRET));
    let router = Router::new().route("/bot", post(raw)).route_layer(webhook);
    let bot = serve_axum(router).await;
    let answer = bot.send(&message(1, "hi")).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}
