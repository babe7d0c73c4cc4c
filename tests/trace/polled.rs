//! Spans of updates that are polled.

use tower::Layer as _;
use tower_telegram::{
    client::TraceCallsLayer, methods::SendMessage, polling::Polling, types::Update,
    webhook::Webhook,
};

use super::support::until;
use crate::support::{get_updates::PolledTelegram, recorder::Recorder};

#[tokio::test(start_paused = true)]
async fn l3_the_reply_to_a_polled_update_is_a_child_of_it() {
    let (recorder, _guard) = Recorder::start();
    let telegram = PolledTelegram::default();
    telegram.message(7, "hi");
    telegram.message(7, "fail");
    let client = TraceCallsLayer::new().layer(telegram.client());
    let client = tower_telegram::Client::from_service(client);
    let bot = Webhook::without_secret_token().handler(async |update: Update| {
        let text = update
            .any_message()
            .and_then(|message| message.text.clone());
        match text.as_deref() {
            Some("fail") => Err("it fails"),
            _ => Ok(SendMessage::new(7, "hello")),
        }
    });
    let polling = Polling::new(client).max_attempts(2);
    let running = tokio::spawn(polling.run(bot.into_updates()));
    until("both are confirmed", || telegram.pending().is_empty()).await;
    running.abort();

    let updates = recorder.updates();
    let outcomes: Vec<_> = updates
        .iter()
        .map(|span| {
            let attempt = span.get("telegram.update.attempt");
            format!("{attempt} {}", span.get("telegram.update.outcome"))
        })
        .collect();
    assert_eq!(outcomes, ["1 done", "1 failed", "2 abandoned"]);
    let calls = recorder.calls();
    let replies: Vec<_> = calls
        .iter()
        .filter(|call| call.get("otel.name") == "sendMessage")
        .collect();
    assert_eq!(replies.len(), 1, "{calls:?}");
    assert_eq!(replies[0].parent, Some(updates[0].id));
    let fetches = calls
        .iter()
        .filter(|call| call.get("otel.name") == "getUpdates");
    assert!(fetches.clone().count() > 0 && fetches.clone().all(|call| call.parent.is_none()));
}
