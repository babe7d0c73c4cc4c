//! Hooks of the trace layers that panic.

use http::StatusCode;
use tower::ServiceExt as _;
use tower_telegram::{
    Client,
    client::ClientBuilder,
    methods::DeleteMessage,
    trace::{TraceCallsLayer, TraceUpdatesLayer},
    types::Update,
    webhook::Webhook,
};

use super::support::{Answers, CHAT_NOT_FOUND, message};
use crate::support::recorder::Recorder;

/// The hooks that have panicked, by the log, with what they were called for.
fn panicked(recorder: &Recorder, about: &str) -> Vec<String> {
    let events = recorder.events().into_iter();
    let panicked = events.filter(|event| event.message() == "trace hook panicked");
    panicked
        .map(|event| format!("{} {}", event.fields["hook"], event.fields[about]))
        .collect()
}

#[tokio::test]
async fn l1_a_hook_of_updates_that_panics_is_logged_and_the_update_is_handled() {
    let on_all = || {
        TraceUpdatesLayer::new()
            .make_span_with(|_| panic!("on purpose"))
            .on_request(|_, _| panic!("on purpose"))
            .on_response(|_, _, _| panic!("on purpose"))
            .on_failure(|_, _, _| panic!("on purpose"))
    };
    for (update_id, status, expected) in [
        (
            1,
            StatusCode::OK,
            ["make_span_with", "on_request", "on_response"],
        ),
        (
            2,
            StatusCode::INTERNAL_SERVER_ERROR,
            ["make_span_with", "on_request", "on_failure"],
        ),
    ] {
        let (recorder, _guard) = Recorder::start();
        let bot = Webhook::without_secret_token().trace(on_all());
        let bot = bot.handler(async |update: Update| match update.update_id {
            1 => Ok(()),
            _ => Err("it fails"),
        });
        let response = bot.into_updates().oneshot(message(update_id, 7)).await;
        assert_eq!(response.unwrap().status(), status);
        let expected = expected.map(|hook| format!("{hook} {update_id}"));
        assert_eq!(panicked(&recorder, "update_id"), expected);
        // The layer's own span takes the place of the one that couldn't be made.
        let updates = recorder.updates();
        assert_eq!(updates.len(), 1);
        assert!(updates[0].has_ended);
        let outcome = updates[0].get("telegram.update.outcome");
        assert_eq!(outcome == "done", status.is_success(), "{outcome}");
    }
}

fn client(answers: &Answers, layer: TraceCallsLayer) -> Client {
    let transport = answers.transport();
    let builder = ClientBuilder::new(transport, &"123456:a-Secret_One".parse().unwrap());
    builder.layer(layer).build()
}

#[tokio::test]
async fn l2_a_hook_of_calls_that_panics_is_logged_and_the_call_is_made() {
    let on_all = TraceCallsLayer::new()
        .make_span_with(|_| panic!("on purpose"))
        .on_request(|_, _| panic!("on purpose"))
        .on_response(|_, _, _| panic!("on purpose"))
        .on_failure(|_, _, _| panic!("on purpose"));
    let (recorder, _guard) = Recorder::start();
    let answers = Answers::default();
    let client = client(&answers, on_all);
    client.send(DeleteMessage::new(7, 1)).await.unwrap();
    answers.push(CHAT_NOT_FOUND);
    client.send(DeleteMessage::new(7, 1)).await.unwrap_err();
    let expected = [
        "make_span_with",
        "on_request",
        "on_response",
        "make_span_with",
        "on_request",
        "on_failure",
    ];
    let expected = expected.map(|hook| format!("{hook} deleteMessage"));
    assert_eq!(panicked(&recorder, "method"), expected);
    let calls = recorder.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].get("error.type"), "api");
}
