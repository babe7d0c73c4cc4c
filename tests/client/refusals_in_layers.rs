//! F2, F6, F12 to F15: refusals that several layers of one client see.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response};
use serde_json::json;
use tokio::time::Instant;
use tower::{Service, ServiceExt as _, service_fn};
use tower_telegram::{
    Client,
    client::{
        ApiBody, ApiRequest, ClientBuilder, ErrorKind, MigrateChatLayer, RateLimitLayer,
        RetryLayer, TraceCallsLayer,
    },
    methods::{CopyMessages, GetChat, SendMediaGroup, SendMessage},
    types::InputMediaPhoto,
    webhook::Deadline,
};

const SECOND: Duration = Duration::from_secs(1);
const SENT: &str =
    r#"{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":-5,"type":"group"}}}"#;
const COPIED: &str = r#"{"ok":true,"result":[{"message_id":1}]}"#;

fn response(status: u16, retry_after: Option<&str>, body: impl Into<String>) -> Response<String> {
    let mut response = Response::builder().status(status);
    if let Some(wait) = retry_after {
        response = response.header("retry-after", wait);
    }
    response.body(body.into()).expect("a response")
}

fn refusal(status: u16, description: &str, parameters: &serde_json::Value) -> Response<String> {
    let body = json!({
        "ok": false, "error_code": status, "description": description, "parameters": parameters
    });
    response(status, None, body.to_string())
}

/// The methods that were called, each with the seconds since the beginning.
#[derive(Clone, Default)]
struct Made(Arc<Mutex<Vec<(String, u64)>>>);

impl Made {
    #[track_caller]
    fn assert(&self, expected: &[(&str, u64)]) {
        let made = std::mem::take(&mut *self.0.lock().expect("nobody holds it"));
        let made: Vec<_> = made.iter().map(|(name, at)| (&**name, *at)).collect();
        assert_eq!(made, expected);
    }
}

fn http(
    made: &Made,
    responses: impl IntoIterator<Item = Response<String>>,
    rest: &'static str,
) -> impl Service<Request<ApiBody>, Response = Response<String>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let began = Instant::now();
    let made = made.clone();
    let responses: VecDeque<_> = responses.into_iter().collect();
    let responses = Arc::new(Mutex::new(responses));
    service_fn(move |request: Request<ApiBody>| {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        let call = (method.to_owned(), began.elapsed().as_secs());
        made.0.lock().expect("nobody holds it").push(call);
        let next = responses.lock().expect("nobody holds it").pop_front();
        ready(Ok(next.unwrap_or_else(|| response(200, None, rest))))
    })
}

/// A client with all layers, whose first calls get these responses, and all further ones `rest`.
fn client(
    made: &Made,
    responses: impl IntoIterator<Item = Response<String>>,
    rest: &'static str,
) -> Client {
    let token = "7:secret".parse().expect("a token");
    ClientBuilder::new(http(made, responses, rest), &token)
        .layer(TraceCallsLayer::new())
        .layer(MigrateChatLayer::new())
        .layer(RetryLayer::new())
        .layer(RateLimitLayer::new())
        .build()
}

fn album() -> SendMediaGroup {
    SendMediaGroup::new(-5, ["a", "b"].map(InputMediaPhoto::new))
}

/// A part of the album may be in the chat. The chat's pause holds for the calls that follow.
#[tokio::test(start_paused = true)]
async fn f12_f13_a_limited_album_is_not_repeated_and_pauses_its_chat() {
    for limited in [
        refusal(
            429,
            "Too Many Requests: retry after 40",
            &json!({"retry_after": 40}),
        ),
        refusal(429, "Too Many Requests: retry after 40", &json!(null)),
        response(
            429,
            Some("40"),
            r#"{"ok":false,"error_code":429,"description":"x"}"#,
        ),
    ] {
        let made = Made::default();
        let client = client(&made, [limited], SENT);
        let error = client.send(album()).await.expect_err("limited");
        assert!(error.may_have_arrived(), "{error}");
        assert_eq!(error.retry_after(), Some(40 * SECOND));
        let soon = client.with_deadline(Deadline::at(Instant::now() + 39 * SECOND));
        let error = soon.send(SendMessage::new(-5, "late")).await;
        let error = error.expect_err("the pause is longer");
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
        assert!(!error.may_have_arrived(), "{error}");
        made.assert(&[("sendMediaGroup", 0)]);
        client
            .send(SendMessage::new(6, "other"))
            .await
            .expect("another chat");
        client
            .send(SendMessage::new(-5, "x"))
            .await
            .expect("after the pause");
        made.assert(&[("sendMessage", 0), ("sendMessage", 40)]);
    }
}

/// A proxy has passed nothing on, so the call is repeated once the wait that it names is over, by whichever layer waits.
#[tokio::test(start_paused = true)]
async fn f12_f15_an_album_that_a_proxy_limited_is_repeated_after_its_wait() {
    let made = Made::default();
    let limited = response(429, Some("7"), "<html>429</html>");
    let album_sent = r#"{"ok":true,"result":[]}"#;
    let client = client(&made, [limited], album_sent);
    client.send(album()).await.expect("sent");
    made.assert(&[("sendMediaGroup", 0), ("sendMediaGroup", 7)]);
}

/// The limits know nothing of a call that isn't counted, but the wait is the server's.
#[tokio::test(start_paused = true)]
async fn f2_f15_a_refused_call_is_repeated_after_its_wait_whether_limits_count_it_or_not() {
    let chat = r#"{"ok":true,"result":{"id":-5,"type":"group","accent_color_id":1,"max_reaction_count":1}}"#;
    for (limited, wait) in [
        (
            refusal(429, "Too Many Requests: retry after 9", &json!({})),
            9,
        ),
        (response(503, Some("9"), "<html>"), 9),
        (response(429, Some("0"), "slow down, retry after 9"), 0),
    ] {
        let made = Made::default();
        let client = client(&made, [limited], chat);
        client.send(GetChat::new(-5)).await.expect("a chat");
        let at = made.0.lock().expect("nobody holds it")[1].1;
        assert!((wait..=wait + 1).contains(&at), "after {at} s");
    }
}

/// Telegram looks for the chat before it sends the first of them.
#[tokio::test(start_paused = true)]
async fn f6_f12_several_messages_follow_a_group_that_was_migrated() {
    let migrated = || {
        let words = "Bad Request: group chat was upgraded to a supergroup chat";
        refusal(400, words, &json!({"migrate_to_chat_id": -1001}))
    };
    let made = Made::default();
    let client = client(&made, [migrated()], COPIED);
    client
        .send(CopyMessages::new(-5, 2, vec![3]))
        .await
        .expect("copied");
    made.assert(&[("copyMessages", 0), ("copyMessages", 0)]);

    let client = self::client(&made, [migrated()], COPIED);
    let raw = json!({"chat_id": "-5", "from_chat_id": 2, "message_ids": [3]});
    let raw = ApiRequest::raw("copyMessages", &raw).expect("a call");
    client.oneshot(raw).await.expect("copied");
    made.assert(&[("copyMessages", 0), ("copyMessages", 0)]);
}
