//! The number of the update in each event about one.

use std::{error::Error, fmt, io};

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

#[derive(Debug)]
struct SaveError(io::Error);

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("while saving")
    }
}

impl Error for SaveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn l11_an_event_and_its_span_have_an_error_with_its_causes() {
    let (recorder, _guard) = Recorder::start();
    let bot = Webhook::without_secret_token()
        .handler(async |_: Update| Err::<(), _>(SaveError(io::Error::other("the disk is full"))));
    let update = super::support::message(7, 7);
    drop(bot.into_updates().oneshot(update).await.unwrap());
    let expected = "the handler failed: while saving: the disk is full";
    let events = recorder.events();
    let failed = events
        .iter()
        .find(|event| event.message() == "attempt failed");
    assert_eq!(failed.unwrap().fields["error"], expected);
    assert_eq!(recorder.updates()[0].get("error.message"), expected);
}
