//! An axum handler with axum's state, inside the whole stack of a webhook.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tower::service_fn;
use tower_telegram::{
    Client, Reply,
    axum::Telegram,
    client::{ApiBody, BotApi, Error},
    methods::{SendDocument, SendMessage},
    types::{InputFile, Update, UpdateType},
    webhook::{DeliveryLayer, Failure, RawUpdate, SecretTokenLayer, Webhook},
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

/// A secret that is checked below the deliveries. Otherwise five guesses would have the update abandoned before
/// Telegram sends it.
#[tokio::test]
async fn d14_a_wrong_secret_behind_the_webhook_is_no_attempt() {
    let app = App::default();
    let router = Router::new()
        .route("/bot", post(greet))
        .route_layer(SecretTokenLayer::new(secret(SECRET)))
        .route_layer(Webhook::without_secret_token())
        .with_state(app.clone());
    let bot = serve_axum(router).await;
    let guess = message(1, "hi").with(SECRET_HEADER, "guess");
    for _ in 0..6 {
        assert_eq!(bot.send(&guess).await.status, 401);
    }
    let answer = bot.send(&message(1, "hi")).await;
    assert_eq!(text(&answer).as_deref(), Some("call 1"));
    assert_eq!(app.calls.load(Ordering::Relaxed), 1);
}

/// Sends updates to a route whose handler has this result, until its webhook responds with 200, six times at most.
/// Returns the statuses, the number of calls, and the failures of abandoned updates.
async fn until_ok<F, R>(result: F) -> (Vec<u16>, u32, Vec<Failure>)
where
    F: Fn() -> R + Clone + Send + Sync + 'static,
    R: IntoResponse + 'static,
{
    let (calls, letters) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let (count, taken) = (Arc::clone(&calls), Arc::clone(&letters));
    let delivery = DeliveryLayer::new().dead_letter(move |letter| {
        taken.lock().expect("no panic").push(letter.failure);
        std::future::ready(())
    });
    let handler = async move |_: RawUpdate| {
        count.fetch_add(1, Ordering::Relaxed);
        result()
    };
    let router = Router::new()
        .route("/bot", post(handler))
        .route_layer(Webhook::new(secret(SECRET)).delivery(delivery));
    let bot = serve_axum(router).await;
    let mut statuses = Vec::new();
    while statuses.len() < 6 && statuses.last() != Some(&200) {
        statuses.push(bot.send(&message(1, "hi")).await.status);
    }
    let letters = letters.lock().expect("no panic").clone();
    (statuses, calls.load(Ordering::Relaxed), letters)
}

/// The client's error for a refusal of the Bot API.
async fn refusal(status: u16, words: &str) -> Error {
    let body = json!({"ok": false, "error_code": status, "description": words}).to_string();
    let http = service_fn(move |_: Request<ApiBody>| {
        let response = Response::builder().status(status).body(body.clone());
        std::future::ready(Ok::<_, std::convert::Infallible>(
            response.expect("a response"),
        ))
    });
    let token = "123456:a-Secret_One".parse().expect("a token");
    let client = Client::from_service(BotApi::telegram(http, &token));
    let sent = client.send(SendMessage::new(7, "hello")).await;
    sent.expect_err("it is refused")
}

#[tokio::test]
async fn d15_a_route_of_axums_says_whether_another_attempt_can_help() {
    let refused = async |status, words| Failure::from(refusal(status, words).await);
    for (failure, statuses) in [
        (Failure::permanent("no such order"), &[200][..]),
        (
            refused(403, "Forbidden: bot was blocked by the user").await,
            &[200],
        ),
        (refused(400, "Bad Request: chat not found").await, &[200]),
        (
            refused(500, "Internal Server Error").await,
            &[500, 500, 500, 500, 200],
        ),
        (
            refused(401, "Unauthorized").await,
            &[500, 500, 500, 500, 200],
        ),
    ] {
        let shown = failure.to_string();
        let (seen, calls, letters) = until_ok(move || failure.clone()).await;
        assert_eq!(seen, statuses, "{shown}");
        assert_eq!(calls as usize, statuses.len(), "{shown}");
        assert_eq!(letters.len(), 1, "{shown}");
        assert_eq!(letters[0].to_string(), shown);
    }
    // One that a layer or handler of another crate puts there.
    let foreign = || {
        let mut response = StatusCode::CONFLICT.into_response();
        let failure = Failure::permanent("no such order");
        response.extensions_mut().insert(failure);
        response
    };
    let (seen, calls, letters) = until_ok(foreign).await;
    assert_eq!((seen, calls, letters.len()), (vec![200], 1, 1));
}

#[tokio::test]
async fn d14_a_route_of_axums_that_defers_is_not_counted() {
    let (seen, calls, letters) = until_ok(|| Failure::deferral("no worker is free")).await;
    assert_eq!((seen, calls, letters.len()), (vec![503; 6], 6, 0));
}

/// A reply of a route that can never be sent: the handler runs once.
#[tokio::test]
async fn e7_a_route_of_axums_whose_reply_is_too_long_is_called_once() {
    let long = || Telegram(SendMessage::new(42, "x".repeat(Reply::MAX_ARGUMENTS)));
    let (seen, calls, letters) = until_ok(long).await;
    assert_eq!((seen, calls, letters.len()), (vec![200], 1, 1));
    assert!(letters[0].is_permanent(), "{}", letters[0]);
    let unreadable = || {
        let file = InputFile::path("/no/such/file");
        Telegram(SendDocument::new(42, file))
    };
    let (seen, calls, _) = until_ok(unreadable).await;
    assert_eq!(
        (seen.len(), calls),
        (5, 5),
        "it may be there later: {seen:?}"
    );
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
