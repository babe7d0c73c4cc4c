//! Metrics of updates and calls.

use http::Request;
use tower::ServiceExt as _;
use tower_telegram::{
    methods::{DeleteMessage, SendMessage},
    trace::describe_metrics,
    types::Update,
    webhook::{DeliveryLayer, SequenceLayer, Webhook},
};

use super::support::{Answers, CHAT_NOT_FOUND, SECOND, TOO_MANY, message};
use crate::support::metrics::Measured;

#[tokio::test(start_paused = true)]
async fn l5_attempts_are_counted_and_measured_by_type_and_outcome() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let webhook = Webhook::without_secret_token().sequence(SequenceLayer::new());
    let webhook = webhook.delivery(DeliveryLayer::new().max_attempts(2));
    let seen = measured.clone();
    let bot = webhook.handler(move |update: Update| {
        let seen = seen.clone();
        async move {
            assert!(seen.value("telegram.updates.in_flight") > 0.0);
            match update.update_id {
                1 => Ok(()),
                _ => Err("it fails"),
            }
        }
    });
    let bot = bot.into_updates();
    for update_id in [1, 1, 2, 2, 2] {
        drop(bot.clone().oneshot(message(update_id, 7)).await.unwrap());
    }
    let key = |name: &str, outcome: &str| {
        let type_label = "telegram.update.type=\"message\"";
        format!("{name}{{{type_label},telegram.update.outcome=\"{outcome}\"}}")
    };
    for outcome in ["done", "failed", "abandoned"] {
        let updates = key("messaging.client.consumed.messages", outcome);
        assert_eq!(
            measured.value(&updates),
            1.0,
            "{updates} in {:?}",
            measured.keys()
        );
        let durations = measured.get(&key("messaging.process.duration", outcome));
        assert!(
            durations.len() == 1 && durations[0] < 60.0,
            "{outcome}: {durations:?}"
        );
    }
    let of_messages =
        |name: &str| measured.get(&format!("{name}{{telegram.update.type=\"message\"}}"));
    assert_eq!(of_messages("telegram.updates.abandoned"), [1.0]);
    // The first, once it was done; and the second, once it was abandoned.
    assert_eq!(of_messages("telegram.updates.redelivered"), [2.0]);
    let lags = of_messages("telegram.update.lag");
    assert!(
        lags.len() == 3 && lags.iter().all(|lag| *lag > 1e6),
        "{lags:?}"
    );
    assert_eq!(measured.value("telegram.updates.in_flight"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn l5_updates_that_join_wait_or_are_rejected_are_counted_by_their_reason() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let secret: tower_telegram::webhook::SecretToken = "swordfish".parse().unwrap();
    let webhook = Webhook::new(secret).sequence(SequenceLayer::new().max_waiting_per_key(1));
    let mut bot = webhook.handler(async |_: Update| {
        tokio::time::sleep(SECOND * 3).await;
    });
    let response = tower::Service::call(&mut bot, Request::new(String::new())).await;
    assert_eq!(response.unwrap().status().as_u16(), 401);
    let rejected = "telegram.webhook.rejected{telegram.reason=\"secret_token\"}";
    assert_eq!(measured.value(rejected), 1.0, "{:?}", measured.keys());

    let bot = bot.into_updates();
    let deliver = |update_id| bot.clone().oneshot(message(update_id, 7));
    let all = tokio::join!(deliver(1), deliver(1), deliver(2), deliver(3));
    drop(all);
    let joined = "telegram.updates.joined{telegram.update.type=\"message\"}";
    assert_eq!(measured.value(joined), 1.0);
    let overloaded = "telegram.updates.deferred{telegram.reason=\"overloaded\"}";
    assert_eq!(measured.value(overloaded), 1.0);
    let waits = measured.get("telegram.update.turn_wait");
    assert!(waits.len() == 1 && waits[0] > 2.9, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn l5_requests_repeats_and_waits_of_calls_are_measured() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let answers = Answers::default();
    answers.push(TOO_MANY);
    let client = answers.client();
    client.send(DeleteMessage::new(7, 1)).await.unwrap();
    answers.push(CHAT_NOT_FOUND);
    client.send(SendMessage::new(7, "a")).await.unwrap_err();
    let unknown = tower_telegram::client::ApiRequest::raw("sendConfetti", &serde_json::json!({}));
    drop(client.oneshot(unknown.unwrap()).await.unwrap());

    let requests = |method: &str, status: &str, error: &str| {
        let labels = format!(
            "telegram.method={method:?},http.response.status_code={status:?},error.type={error:?}"
        );
        measured
            .get(&format!("http.client.request.duration{{{labels}}}"))
            .len()
    };
    assert_eq!(
        requests("deleteMessage", "429", "api"),
        1,
        "{:?}",
        measured.keys()
    );
    assert_eq!(requests("deleteMessage", "200", ""), 1);
    assert_eq!(requests("sendMessage", "400", "api"), 1);
    // Names that a program makes up would have no end.
    assert_eq!(requests("_OTHER", "200", ""), 1);
    let retries = "telegram.client.retries{telegram.method=\"deleteMessage\",\
                   http.response.status_code=\"429\"}";
    assert_eq!(measured.value(retries), 1.0);
    let waits = measured.get("telegram.client.limit_wait{telegram.method=\"sendMessage\"}");
    assert_eq!(waits.len(), 1);
}

#[test]
fn l5_each_metric_has_a_unit_and_a_description() {
    let measured = Measured::default();
    metrics::with_local_recorder(&measured, describe_metrics);
    let described = measured.keys();
    let lag = "telegram.update.lag in seconds: How old an update was";
    assert!(
        described.iter().any(|text| text.starts_with(lag)),
        "{described:?}"
    );
    assert_eq!(described.len(), 18);
}
