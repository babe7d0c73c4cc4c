//! The number of the update in each event about one.

use http::Request;
use tower::ServiceExt as _;
use tower_telegram::{polling::Polling, types::Update, webhook::Webhook};

use super::support::until;
use crate::support::{get_updates::PolledTelegram, recorder::Recorder};

/// Fails and panics on request.
async fn handle(update: Update) -> Result<(), &'static str> {
    let message = update.new_message();
    match message.and_then(|message| message.text.as_deref()) {
        Some("fail") => Err("it fails"),
        Some("panic") => panic!("it panics"),
        _ => Ok(()),
    }
}

/// The recorded events, each as its `update_id` and its message.
fn events(recorder: &Recorder) -> Vec<String> {
    let events = recorder.events().into_iter().map(|event| {
        let update_id = event.fields.get("update_id").map_or("none", |id| id);
        format!("{update_id} {}", event.message())
    });
    events.collect()
}

async fn events_by_webhook(json: String) -> Vec<String> {
    let (recorder, _guard) = Recorder::start();
    let bot = Webhook::without_secret_token().handler(handle);
    let request = Request::post("/")
        .header("content-type", "application/json")
        .body(http_body_util::Full::<bytes::Bytes>::from(json))
        .unwrap();
    bot.oneshot(request).await.unwrap();
    events(&recorder)
}

fn message(rest: &str) -> String {
    format!(
        r#"{{"update_id":7,"message":{{"message_id":1,"date":1,"chat":{{"id":7,"type":"private"}}{rest}}}}}"#
    )
}

#[tokio::test]
async fn l11_each_event_about_a_delivered_update_has_its_number() {
    let left_out = "7 left out a part that doesn't fit its type";
    for (json, expected) in [
        (message(r#","text":"hi""#), &[][..]),
        (message(r#","from":{"id":"seven"}"#), &[left_out]),
        (message(r#","photo":[1,2]"#), &[left_out, left_out]),
        (
            r#"{"update_id":7,"message":{"message_id":1}}"#.to_owned(),
            &["7 update doesn't fit its type; passed on raw"],
        ),
        (message(r#","text":"fail""#), &["7 attempt failed"]),
        (message(r#","text":"panic""#), &["7 attempt failed"]),
        (r#"{"update_id":7}"#.to_owned(), &["none request rejected"]),
    ] {
        assert_eq!(events_by_webhook(json.clone()).await, expected, "{json}");
    }
}

#[tokio::test(start_paused = true)]
async fn l11_each_event_about_a_polled_update_has_its_number() {
    let (recorder, _guard) = Recorder::start();
    let telegram = PolledTelegram::default();
    let failing = telegram.message(7, "fail");
    let polling = Polling::new(telegram.client()).max_attempts(2);
    let bot = Webhook::without_secret_token().handler(handle);
    let running = tokio::spawn(polling.run(bot.into_updates()));
    until("it is abandoned", || telegram.pending().is_empty()).await;
    running.abort();
    let expected = ["attempt failed", "update abandoned"].map(|event| format!("{failing} {event}"));
    assert_eq!(events(&recorder), expected);
}
