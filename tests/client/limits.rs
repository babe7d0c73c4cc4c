//! F13, F14: deadlines under the limits on calls, and how many messages each call counts for.

use std::{
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::StatusCode;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_telegram::{
    Client,
    client::{ApiRequest, ApiResponse, Error, ErrorKind, RateLimitLayer, RetryLayer},
    webhook::Deadline,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The calls that were made, and when after the start.
#[derive(Clone)]
struct Made {
    began: Instant,
    calls: Arc<Mutex<Vec<(Value, Duration)>>>,
}

impl Made {
    /// A client with this layer, and a `RetryLayer` above it. Each of its calls succeeds.
    fn under(layer: &RateLimitLayer) -> (Self, Client) {
        let made = Self {
            began: Instant::now(),
            calls: Arc::default(),
        };
        let record = made.clone();
        let api = service_fn(move |call: ApiRequest| {
            let parameters = serde_json::from_slice(call.json()).expect("JSON");
            record.push(parameters);
            ready(Ok::<_, Infallible>(ApiResponse::new("true")))
        });
        let limited = RetryLayer::new().layer(layer.layer(api));
        (made, Client::from_service(limited))
    }

    fn push(&self, parameters: Value) {
        let mut calls = self.calls.lock().expect("the lock isn't poisoned");
        calls.push((parameters, self.began.elapsed()));
    }

    fn seconds(&self) -> Vec<u64> {
        let calls = self.calls.lock().expect("the lock isn't poisoned");
        calls.iter().map(|(_, when)| when.as_secs()).collect()
    }
}

fn call(method: &str, parameters: &Value) -> ApiRequest {
    ApiRequest::raw(method, parameters).expect("a call")
}

/// Waits until each call that was spawned is in its queue.
async fn all_wait() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn message(chat: i64) -> ApiRequest {
    call("sendMessage", &json!({"chat_id": chat, "text": "x"}))
}

fn album(chat: i64, size: usize) -> ApiRequest {
    let media = vec![json!({"type": "photo", "media": "id"}); size];
    call("sendMediaGroup", &json!({"chat_id": chat, "media": media}))
}

fn due_in(time: Duration, mut call: ApiRequest) -> ApiRequest {
    let due = Deadline::at(Instant::now() + time);
    call.extensions_mut().insert(due);
    call
}

/// Asserts that the call was rejected without a wait, and that none was sent.
#[track_caller]
fn assert_refused(answer: Result<ApiResponse, Error>, began: Instant) {
    let error = answer.expect_err("it would be too late");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error:?}");
    assert_eq!(error.method(), Some("sendMessage"));
    assert!(!error.may_have_arrived() && error.is_timeout(), "{error:?}");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn f13_a_call_whose_deadline_ends_before_its_turn_is_rejected_at_once() {
    let (made, client) = Made::under(&RateLimitLayer::new());
    for _ in 0..20 {
        client.clone().oneshot(message(-5)).await.expect("sent");
    }
    // The turn of the 21st message of the minute comes 41 s after the 20th.
    for seconds in [0, 1, 40] {
        let began = Instant::now();
        let late = due_in(Duration::from_secs(seconds), message(-5));
        assert_refused(client.clone().oneshot(late).await, began);
    }
    assert_eq!(made.seconds().len(), 20);
    let in_time = due_in(Duration::from_secs(42), message(-5));
    client.clone().oneshot(in_time).await.expect("sent");
    // The rejected calls didn't count.
    assert_eq!(made.seconds()[19..], [19, 60]);
}

#[tokio::test(start_paused = true)]
async fn f13_a_call_of_a_client_with_a_deadline_is_rejected_at_once() {
    let (made, client) = Made::under(&RateLimitLayer::new());
    client.clone().oneshot(message(1)).await.expect("sent");
    let began = Instant::now();
    let hasty = client.with_deadline(Deadline::at(began + SECOND / 2));
    assert_refused(hasty.clone().oneshot(message(1)).await, began);
    // A call to another chat is made at once, and so is one that doesn't count.
    hasty.clone().oneshot(message(2)).await.expect("sent");
    let me = call("getMe", &json!({}));
    hasty.clone().oneshot(me.clone()).await.expect("called");
    sleep(SECOND).await;
    let error = hasty.oneshot(me).await.expect_err("it is over");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(made.seconds(), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn f13_the_calls_that_wait_before_it_count() {
    let (_, client) = Made::under(&RateLimitLayer::new());
    let mut waiting = JoinSet::new();
    for _ in 0..10 {
        waiting.spawn(client.clone().oneshot(message(1)));
    }
    all_wait().await;
    let began = Instant::now();
    let late = due_in(9 * SECOND, message(1));
    assert_refused(client.clone().oneshot(late).await, began);
    let in_time = due_in(11 * SECOND, message(1));
    client.clone().oneshot(in_time).await.expect("sent");
    assert_eq!(began.elapsed().as_secs(), 10);

    // So do those to other chats, under the overall limit.
    for chat in 100..400 {
        waiting.spawn(client.clone().oneshot(message(chat)));
    }
    all_wait().await;
    let began = Instant::now();
    let late = due_in(5 * SECOND, message(2));
    assert_refused(client.clone().oneshot(late).await, began);
    for answer in waiting.join_all().await {
        answer.expect("sent");
    }
}

#[tokio::test(start_paused = true)]
async fn f13_the_messages_of_an_album_that_waits_count() {
    let (_, client) = Made::under(&RateLimitLayer::new());
    let mut waiting = JoinSet::new();
    for _ in 0..4 {
        waiting.spawn(client.clone().oneshot(album(-5, 10)));
    }
    all_wait().await;
    let began = Instant::now();
    let late = due_in(MINUTE, message(-5));
    assert_refused(client.clone().oneshot(late).await, began);
}

fn refusing(layer: &RateLimitLayer, seconds: u64) -> Client {
    let first = Arc::new(Mutex::new(true));
    let api = service_fn(move |_: ApiRequest| {
        let is_first = std::mem::take(&mut *first.lock().expect("the lock isn't poisoned"));
        ready(if is_first {
            Err(too_many(seconds))
        } else {
            Ok(ApiResponse::new("true"))
        })
    });
    Client::from_service(layer.layer(api))
}

/// The error of a server that refuses a call with a wait.
fn too_many(seconds: u64) -> Error {
    let http = service_fn(move |_: http::Request<tower_telegram::client::ApiBody>| {
        let body =
            format!(r#"{{"ok":false,"error_code":429,"parameters":{{"retry_after":{seconds}}}}}"#);
        let answer = http::Response::builder().status(StatusCode::TOO_MANY_REQUESTS);
        ready(Ok::<_, Infallible>(answer.body(body).expect("an answer")))
    });
    let token = "1:a".parse().expect("a token");
    let api = tower_telegram::client::BotApi::telegram(http, &token);
    let mut answer = tokio_test::task::spawn(api.oneshot(call("x", &json!({}))));
    let std::task::Poll::Ready(answer) = answer.poll() else {
        panic!("it answers at once");
    };
    answer.expect_err("it is refused")
}

#[tokio::test(start_paused = true)]
async fn f13_a_call_whose_deadline_ends_before_a_pause_is_rejected_at_once() {
    let client = refusing(&RateLimitLayer::new(), 2282);
    let error = client.clone().oneshot(message(1)).await;
    assert!(error.expect_err("it is refused").is_rate_limited());
    let began = Instant::now();
    let late = due_in(MINUTE, message(1));
    assert_refused(client.clone().oneshot(late).await, began);
    let other = due_in(MINUTE, message(2));
    client.clone().oneshot(other).await.expect("sent");
    let patient = due_in(2283 * SECOND, message(1));
    client.oneshot(patient).await.expect("sent");
    assert_eq!(began.elapsed().as_secs(), 2282);
}

/// The pause began when the call was already waiting.
#[tokio::test(start_paused = true)]
async fn f13_a_waiting_call_is_rejected_at_its_deadline_at_the_latest() {
    let layer = RateLimitLayer::new();
    let client = refusing(&layer, 2282);
    let mut calls = JoinSet::new();
    calls.spawn(client.clone().oneshot(message(1)));
    for _ in 0..3 {
        calls.spawn(client.clone().oneshot(due_in(10 * SECOND, message(1))));
    }
    let began = Instant::now();
    let answers = timeout(MINUTE, calls.join_all()).await.expect("they end");
    assert!(began.elapsed() <= 10 * SECOND);
    let kinds = answers.into_iter().map(|answer| answer.unwrap_err().kind());
    let late = kinds.filter(|kind| *kind == ErrorKind::DeadlineExceeded);
    assert_eq!(late.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn f14_albums_and_copies_count_as_the_messages_they_are() {
    let ids: Vec<i64> = (1..=7).collect();
    let many = json!({"chat_id": -5, "from_chat_id": 3, "message_ids": ids});
    let in_words = json!({"chat_id": -5, "media": "[{},{},{},{},{},{},{}]"});
    for seven in [
        album(-5, 7),
        call("copyMessages", &many),
        call("forwardMessages", &many),
        call("FORWARDMESSAGES", &many),
        call("sendMediaGroup", &in_words),
    ] {
        let layer = RateLimitLayer::new().without_per_chat();
        let (made, client) = Made::under(&layer);
        for _ in 0..6 {
            client.clone().oneshot(seven.clone()).await.expect("sent");
        }
        // Two of them are 14 messages, and the 21st message is in the third.
        assert_eq!(made.seconds(), [0, 0, 60, 60, 120, 120], "{seven:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f14_a_chat_has_one_message_a_second_on_average() {
    let (made, client) = Made::under(&RateLimitLayer::new());
    client.clone().oneshot(album(1, 7)).await.expect("sent");
    client.clone().oneshot(message(1)).await.expect("sent");
    client.clone().oneshot(message(1)).await.expect("sent");
    assert_eq!(made.seconds(), [0, 7, 8]);
}

/// It can't be sent in parts, so it is sent when the whole limit is free.
#[tokio::test(start_paused = true)]
async fn f14_calls_wait_longer_after_one_with_more_messages_than_a_limit() {
    let ids: Vec<i64> = (1..=100).collect();
    let copies = json!({"chat_id": -5, "from_chat_id": 3, "message_ids": ids});
    let layer = RateLimitLayer::new().without_per_chat().without_overall();
    let (made, client) = Made::under(&layer);
    client.clone().oneshot(message(-5)).await.expect("sent");
    let copies = call("copyMessages", &copies);
    client.clone().oneshot(copies).await.expect("sent");
    client.clone().oneshot(message(-5)).await.expect("sent");
    assert_eq!(made.seconds(), [0, 60, 60 + 5 * 60]);
}

#[tokio::test(start_paused = true)]
async fn f14_albums_count_under_the_overall_limit() {
    let (made, client) = Made::under(&RateLimitLayer::new().without_per_chat());
    for chat in 1..=7 {
        client.clone().oneshot(album(chat, 10)).await.expect("sent");
    }
    assert_eq!(made.seconds(), [0, 0, 0, 1, 1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn f14_paid_broadcasts_have_a_rate_of_their_own() {
    let paid = |chat: i64, value: Value| {
        let text = json!({"chat_id": chat, "text": "x", "allow_paid_broadcast": value});
        call("sendMessage", &text)
    };
    let (made, client) = Made::under(&RateLimitLayer::new());
    let mut calls = JoinSet::new();
    let yes = [json!(true), json!("True"), json!("yes"), json!(1)];
    for (chat, value) in (1000..3000).zip(yes.iter().cycle()) {
        calls.spawn(client.clone().oneshot(paid(chat, value.clone())));
    }
    for answer in calls.join_all().await {
        answer.expect("sent");
    }
    let seconds = made.seconds();
    assert_eq!((seconds[999], seconds[1000], seconds[1999]), (0, 1, 1));

    // They count for their chats, and not for the other messages.
    let (made, client) = Made::under(&RateLimitLayer::new());
    for chat in 1..=30 {
        client.clone().oneshot(message(chat)).await.expect("sent");
    }
    for chat in 31..=90 {
        let call = paid(chat, json!(true));
        client.clone().oneshot(call).await.expect("sent");
    }
    assert_eq!(made.seconds(), [0; 90]);
    let again = paid(90, json!(true));
    client.clone().oneshot(again).await.expect("sent");
    assert_eq!(made.seconds()[90..], [1]);

    let (made, client) = Made::under(&RateLimitLayer::new());
    for chat in 1..=31 {
        let call = paid(chat, json!(false));
        client.clone().oneshot(call).await.expect("sent");
    }
    assert_eq!(made.seconds()[30..], [1]);
}

/// How long the next message to the chat waits after a call, with a message a second: for as many messages as it counts.
async fn counted(call: ApiRequest) -> u64 {
    let layer = RateLimitLayer::new().without_overall();
    let (made, client) = Made::under(&layer);
    client.clone().oneshot(call).await.expect("sent");
    client.oneshot(message(1)).await.expect("sent");
    made.seconds()[1]
}

/// Lists as values and as texts, of any length, and values that are no lists.
#[tokio::test(start_paused = true)]
async fn f14_a_list_counts_by_its_elements_however_it_is_written() {
    let numbers = |count: i64| Value::from((1..=count).collect::<Vec<_>>());
    for (list, messages) in [
        (json!([{}, {}, {}]), 3),
        (json!("[{},{},{}]"), 3),
        (json!(" [ {\"a\" : [1,2,3]} , {} ] "), 2),
        (json!("[\"\\u005d\",\"]\",\"[\"]"), 3),
        (json!([[1, 2, 3], [4]]), 2),
        (numbers(100), 100),
        (numbers(101), 100),
        (numbers(5000), 100),
        (json!(numbers(12).to_string()), 12),
        (json!([7, 7, 7]), 3),
        (json!([null, null]), 2),
        // One at least, because the server may read another list.
        (json!([]), 1),
        (json!("[]"), 1),
        (json!("[1,2"), 1),
        (json!("1,2,3"), 1),
        (json!(""), 1),
        (json!(null), 1),
        (json!(true), 1),
        (json!(7), 1),
        (json!({"0": 1, "1": 2}), 1),
    ] {
        for (method, name) in [
            ("sendMediaGroup", "media"),
            ("copyMessages", "message_ids"),
            ("forwardmessages", "message_ids"),
            ("ForwardMESSAGES", "message_ids"),
        ] {
            let mut parameters = json!({"chat_id": 1, "from_chat_id": 2});
            parameters[name] = list.clone();
            let found = counted(call(method, &parameters)).await;
            assert_eq!(found, messages, "{method} {list}");
        }
    }
    // One message, with several files or from one message.
    for (method, parameters) in [
        (
            "sendPaidMedia",
            json!({"chat_id": 1, "media": [{}, {}, {}]}),
        ),
        ("copyMessage", json!({"chat_id": 1, "message_id": 7})),
        ("sendPoll", json!({"chat_id": 1, "options": [{}, {}]})),
        ("sendMessage", json!({"chat_id": "1", "media": [{}, {}]})),
        ("editMessageMedia", json!({"chat_id": 1, "media": {}})),
        ("sendMediaGroup", json!({"chat_id": 1})),
    ] {
        assert_eq!(counted(call(method, &parameters)).await, 1, "{method}");
    }
    let deleted = json!({"chat_id": 1, "message_ids": [1, 2, 3]});
    assert_eq!(counted(call("deleteMessages", &deleted)).await, 0);
}

/// As Telegram's server reads booleans: a text of any of three words in any letter case.
#[tokio::test(start_paused = true)]
async fn f14_a_broadcast_is_paid_for_where_the_server_reads_true() {
    for (value, is_paid) in [
        (json!(true), true),
        (json!("true"), true),
        (json!("TRUE"), true),
        (json!("Yes"), true),
        (json!("1"), true),
        (json!(1), true),
        (json!(false), false),
        (json!("false"), false),
        (json!("no"), false),
        (json!("on"), false),
        (json!("t"), false),
        (json!(" true"), false),
        (json!(""), false),
        (json!("0"), false),
        (json!(0), false),
        (json!(2), false),
        (json!(1.0), false),
        (json!(null), false),
        (json!([true]), false),
    ] {
        let (made, client) = Made::under(&RateLimitLayer::new());
        for chat in 1..=30 {
            client.clone().oneshot(message(chat)).await.expect("sent");
        }
        let parameters = json!({"chat_id": 99, "text": "x", "allow_paid_broadcast": value});
        let sent = client.oneshot(call("sendMessage", &parameters)).await;
        sent.expect("sent");
        assert_eq!(made.seconds()[30] == 0, is_paid, "{value}");
    }
}
