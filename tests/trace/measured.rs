//! Metrics of updates and calls.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{Router, routing::post};
use http::{Request, Response};
use serde_json::json;
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};
use tower_telegram::{
    Client, Reply,
    axum::Telegram,
    client::{ApiBody, ApiRequest, ApiResponse, ClientBuilder},
    methods::{DeleteMessage, SendMessage, SetWebhook},
    trace::{TraceCallsLayer, TraceUpdatesLayer, describe_metrics},
    types::Update,
    webhook::{
        DeliveryLayer, RawUpdate, SequenceLayer, Webhook,
        delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
        registration::WebhookHealth,
    },
};

use super::support::{Answers, CHAT_NOT_FOUND, SECOND, TOO_MANY, message, until};
use crate::support::{metrics::Measured, recorder::Recorder};

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
        assert_eq!(durations, [0.0], "{outcome}");
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

/// The durations of a histogram by type and outcome.
fn durations(measured: &Measured, name: &str, outcome: &str) -> Vec<f64> {
    let labels = format!("telegram.update.type=\"message\",telegram.update.outcome=\"{outcome}\"");
    measured.get(&format!("{name}{{{labels}}}"))
}

/// A handler of two seconds, and three updates of a chat at once, of which one is delivered twice.
#[tokio::test(start_paused = true)]
async fn l5_a_handlers_own_time_is_without_its_wait_for_a_turn_and_without_joined_deliveries() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let webhook = Webhook::without_secret_token().sequence(SequenceLayer::new());
    let bot = webhook.handler(async |update: Update| {
        tokio::time::sleep(SECOND * 2).await;
        match update.update_id {
            3 => Err("it fails"),
            _ => Ok(()),
        }
    });
    let bot = bot.into_updates();
    let deliver = |update_id| bot.clone().oneshot(message(update_id, 7));
    let rejoin = async {
        tokio::time::sleep(SECOND).await;
        deliver(1).await
    };
    drop(tokio::join!(deliver(1), deliver(2), deliver(3), rejoin));
    let own = |outcome: &str| durations(&measured, "telegram.handler.duration", outcome);
    let whole = |outcome: &str| durations(&measured, "messaging.process.duration", outcome);
    assert_eq!(own("done"), [2.0, 2.0], "{:?}", measured.keys());
    assert_eq!(own("failed"), [2.0]);
    assert_eq!(whole("done"), [2.0, 4.0]);
    assert_eq!(whole("failed"), [6.0]);
}

/// A message of this number, as Telegram posts it.
fn posted(update_id: i64) -> Request<String> {
    let body = message(update_id, 7).into_body();
    let body = String::from_utf8(body.bytes().to_vec()).unwrap();
    let request = Request::post("/").header("content-type", "application/json");
    request.body(body).unwrap()
}

/// Only an update that gets to its handler has a time there.
#[tokio::test(start_paused = true)]
async fn l5_an_update_that_never_gets_to_its_handler_has_no_handlers_time() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let sequence = SequenceLayer::new().max_waiting_per_key(2).max_wait(SECOND);
    let webhook = Webhook::without_secret_token().sequence(sequence);
    let webhook = webhook.without_delivery().without_deadline();
    let bot = webhook.clone().parse_as::<Vec<u8>>();
    let bot = bot.handler(async |_: Vec<u8>| ());
    drop(bot.into_updates().oneshot(message(1, 7)).await.unwrap());
    let own = |outcome: &str| durations(&measured, "telegram.handler.duration", outcome);
    let whole = |outcome: &str| durations(&measured, "messaging.process.duration", outcome);
    assert_eq!(
        (whole("done").len(), own("done").len()),
        (1, 0),
        "an array is no update"
    );
    let route = post(async |_: Telegram<Vec<u8>>| ());
    let route = webhook.clone().layer(Router::new().route("/", route));
    drop(route.oneshot(posted(6)).await.unwrap());
    assert_eq!((whole("done").len(), own("done").len()), (2, 0), "axum's");

    let bot = webhook.handler(async |_: Update| tokio::time::sleep(SECOND * 5).await);
    let bot = bot.into_updates();
    let deliver = |update_id| bot.clone().oneshot(message(update_id, 7));
    // One is handled; of the two that wait, one hangs up and one has waited for too long; and there is no room for more.
    let hung_up = tokio::time::timeout(SECOND / 2, deliver(3));
    let all = tokio::join!(deliver(2), hung_up, deliver(4), deliver(5));
    drop(all);
    assert_eq!(own("done"), [5.0], "{:?}", measured.keys());
    assert_eq!((whole("cancelled"), own("cancelled")), (vec![0.5], vec![]));
    assert_eq!(
        (whole("deferred"), own("deferred")),
        (vec![0.0, 1.0], vec![])
    );
}

/// The service below was ready, and had no room.
#[tokio::test(start_paused = true)]
async fn l5_an_update_that_towers_load_shed_has_no_room_for_has_no_handlers_time() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let route = post(async |_: Telegram<Update>| tokio::time::sleep(SECOND * 5).await);
    let limited = ServiceBuilder::new().load_shed().concurrency_limit(1);
    let route = limited.service(Router::new().route("/", route));
    let bot = Webhook::without_secret_token().layer(route);
    let (handled, shed) = tokio::join!(
        bot.clone().oneshot(posted(1)),
        bot.clone().oneshot(posted(2))
    );
    let statuses = [handled, shed].map(|response| response.unwrap().status().as_u16());
    assert_eq!(statuses, [200, 503]);
    let own = |outcome: &str| durations(&measured, "telegram.handler.duration", outcome);
    let whole = |outcome: &str| durations(&measured, "messaging.process.duration", outcome);
    assert_eq!(own("done"), [5.0], "{:?}", measured.keys());
    assert_eq!((whole("deferred"), own("deferred")), (vec![0.0], vec![]));
}

/// Polling has a chat's updates wait before their attempts, and a sequence of one's own within them.
#[tokio::test(start_paused = true)]
async fn l5_a_polled_updates_handler_has_its_own_time_too() {
    let telegram = crate::support::get_updates::PolledTelegram::default();
    telegram.message(7, "hi");
    telegram.message(8, "hi");
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let one_by_one = SequenceLayer::by(|_: &RawUpdate| Some(0));
    let webhook = Webhook::without_secret_token().sequence(one_by_one);
    let bot = webhook.handler(async |_: Update| tokio::time::sleep(SECOND * 2).await);
    let polling = tower_telegram::polling::Polling::new(telegram.client());
    let running = tokio::spawn(polling.run(bot.into_updates()));
    until("both are confirmed", || telegram.pending().is_empty()).await;
    running.abort();
    let of = |name: &str| durations(&measured, name, "done");
    assert_eq!(of("telegram.handler.duration"), [2.0, 2.0]);
    assert_eq!(of("messaging.process.duration"), [2.0, 4.0]);
}

/// The Unix time of this machine's clock, in seconds.
fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

#[tokio::test(start_paused = true)]
async fn l5_durations_follow_tokios_clock_and_a_lag_is_exact() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let told = Arc::new(Mutex::new(Vec::new()));
    let (handled, called) = (Arc::clone(&told), Arc::clone(&told));
    let calls = TraceCallsLayer::new()
        .on_response(move |_, took, _| called.lock().unwrap().push(("call", took)));
    let http = service_fn(async |_: Request<ApiBody>| {
        tokio::time::sleep(SECOND * 2).await;
        Ok::<_, Infallible>(Response::new(r#"{"ok":true,"result":true}"#.to_owned()))
    });
    let client = ClientBuilder::new(http, &"123456:a-Secret_One".parse().unwrap());
    let client = client.layer(calls).build();
    let updates = TraceUpdatesLayer::new()
        .on_response(move |_, took, _| handled.lock().unwrap().push(("update", took)));
    let webhook = Webhook::without_secret_token().trace(updates);
    let bot = webhook.handler(move |_: Update| {
        let client = client.clone();
        async move {
            tokio::time::sleep(SECOND).await;
            client.send(DeleteMessage::new(7, 1)).await.map(drop)
        }
    });
    let bot = bot.into_updates();
    let mut update_id = 0;
    // Once more if a second began meanwhile, because the lag is in whole seconds of the machine's clock.
    loop {
        update_id += 1;
        let now = unix_seconds();
        let text = format!(
            r#"{{"update_id":{update_id},"message":{{"message_id":1,"date":{},
                "chat":{{"id":7,"type":"private"}}}}}}"#,
            now - 90
        );
        let update = Request::new(RawUpdate::from_bytes(text.into()).unwrap());
        drop(bot.clone().oneshot(update).await.unwrap());
        if unix_seconds() == now {
            break;
        }
    }
    let last = |key: &str| measured.get(key).last().copied();
    let of_message = "telegram.update.type=\"message\"";
    let took =
        format!("messaging.process.duration{{{of_message},telegram.update.outcome=\"done\"}}");
    assert_eq!(last(&took), Some(3.0), "{:?}", measured.keys());
    let lag = format!("telegram.update.lag{{{of_message}}}");
    assert_eq!(last(&lag), Some(90.0));
    let request = "http.client.request.duration{telegram.method=\"deleteMessage\",\
                   http.response.status_code=\"200\",error.type=\"\"}";
    assert_eq!(last(request), Some(2.0));
    let told = told.lock().unwrap();
    assert_eq!(told[..2], [("call", SECOND * 2), ("update", SECOND * 3)]);
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
    assert_eq!(waits, [3.0]);
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
    let unknown = ApiRequest::raw("sendConfetti", &json!({}));
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

/// A store whose claims expire at once.
struct Expiring;

impl DeliveryStore for Expiring {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        Ok(Claim::Acquired(ClaimToken::new(key, 1, 1)))
    }

    fn renew_every(&self) -> Option<Duration> {
        Some(SECOND * 5)
    }

    async fn renew(&self, _: &ClaimToken) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn finish(&self, _: &ClaimToken, _: Option<&Reply>) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn fail(&self, _: &ClaimToken) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn release(&self, _: &ClaimToken) -> Result<bool, StoreError> {
        Ok(false)
    }
}

#[tokio::test(start_paused = true)]
async fn l5_a_claim_that_is_lost_is_counted_and_logged_once() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let (recorder, _recording) = Recorder::start();
    let webhook = Webhook::without_secret_token().delivery(DeliveryLayer::with_store(Expiring));
    let bot = webhook.handler(async |_: Update| tokio::time::sleep(SECOND * 12).await);
    drop(bot.into_updates().oneshot(message(1, 7)).await.unwrap());
    assert_eq!(measured.value("telegram.updates.claims_lost"), 1.0);
    let events = recorder.events();
    let expired = events
        .iter()
        .filter(|event| event.message() == "delivery claim expired");
    assert_eq!(expired.count(), 1);
}

/// The record of a failed attempt is that of the store, and the hook is called again.
#[tokio::test(start_paused = true)]
async fn l5_l11_an_update_is_abandoned_once_however_often_its_hook_fails() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let (recorder, _recording) = Recorder::start();
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    let delivery = DeliveryLayer::new().max_attempts(1).dead_letter(move |_| {
        let call = count.fetch_add(1, Ordering::Relaxed);
        async move { assert!(call >= 2, "the hook fails") }
    });
    let webhook = Webhook::without_secret_token().delivery(delivery);
    let bot = webhook.handler(async |_: Update| Err::<(), _>("it fails"));
    let bot = bot.into_updates();
    let abandoned = || {
        let events = recorder.events();
        let abandoned = events
            .iter()
            .filter(|event| event.message() == "update abandoned");
        let key = "telegram.updates.abandoned{telegram.update.type=\"message\"}";
        (measured.value(key), abandoned.count())
    };
    for expected in [(0.0, 0), (0.0, 0), (1.0, 1), (1.0, 1)] {
        drop(bot.clone().oneshot(message(1, 7)).await.unwrap());
        assert_eq!(abandoned(), expected);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    // The failure itself is in the log from the first time on.
    let failed = recorder.events().into_iter().filter(|event| {
        event.message() == "attempt failed" && event.fields["error"].contains("it fails")
    });
    assert_eq!(failed.count(), 1, "{}", recorder.text());
}

/// A store that never says whether the update can be handled.
struct Silent;

impl DeliveryStore for Silent {
    async fn claim(&self, _: DeliveryKey) -> Result<Claim, StoreError> {
        std::future::pending().await
    }

    async fn finish(&self, _: &ClaimToken, _: Option<&Reply>) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn fail(&self, _: &ClaimToken) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn release(&self, _: &ClaimToken) -> Result<bool, StoreError> {
        Ok(false)
    }
}

#[tokio::test(start_paused = true)]
async fn l5_an_update_that_is_still_being_claimed_is_not_in_flight() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let webhook = Webhook::without_secret_token().delivery(DeliveryLayer::with_store(Silent));
    let bot = webhook.without_deadline().handler(async |_: Update| ());
    let claiming = bot.into_updates().oneshot(message(1, 7));
    tokio::time::timeout(SECOND, claiming).await.unwrap_err();
    assert_eq!(measured.value("telegram.updates.in_flight"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn l5_updates_without_deliveries_are_in_flight_until_they_end_or_are_dropped() {
    let measured = Measured::default();
    let _guard = metrics::set_default_local_recorder(&measured);
    let bot = Webhook::without_secret_token().without_delivery();
    let bot = bot.handler(async |update: Update| {
        assert!(update.update_id != 3, "it panics");
        tokio::time::sleep(SECOND * 5).await;
    });
    let bot = bot.into_updates();
    let deliver = |update_id| bot.clone().oneshot(message(update_id, 7));
    let (done, dropped, panicked) = (deliver(1), deliver(2), deliver(3));
    let dropped = tokio::time::timeout(SECOND * 2, dropped);
    let watched = async {
        for expected in [2.0, 1.0, 0.0] {
            tokio::time::sleep(SECOND).await;
            assert_eq!(measured.value("telegram.updates.in_flight"), expected);
            tokio::time::sleep(SECOND * 2).await;
        }
    };
    let (done, dropped, panicked, ()) = tokio::join!(done, dropped, panicked, watched);
    dropped.unwrap_err();
    assert_eq!(done.unwrap().status().as_u16(), 200);
    assert_eq!(panicked.unwrap().status().as_u16(), 500);
}

#[tokio::test(start_paused = true)]
async fn l5_requests_that_are_dropped_or_panic_are_measured_too() {
    for panics in [false, true] {
        let measured = Measured::default();
        let _guard = metrics::set_default_local_recorder(&measured);
        let http = service_fn(move |_: Request<ApiBody>| async move {
            assert!(!panics, "on purpose");
            std::future::pending::<Result<Response<String>, Infallible>>().await
        });
        let client = ClientBuilder::new(http, &"123456:a-Secret_One".parse().unwrap()).build();
        let call = client.send(DeleteMessage::new(7, 1));
        let call = std::panic::AssertUnwindSafe(tokio::time::timeout(SECOND * 3, call));
        let called = futures_util::FutureExt::catch_unwind(call).await;
        let (error, took) = match called {
            Ok(late) => {
                late.unwrap_err();
                ("cancelled", 3.0)
            }
            Err(_) => ("panic", 0.0),
        };
        assert_eq!(error == "panic", panics);
        let request = format!(
            "http.client.request.duration{{telegram.method=\"deleteMessage\",\
             http.response.status_code=\"\",error.type=\"{error}\"}}"
        );
        assert_eq!(measured.get(&request), [took], "{:?}", measured.keys());
    }
}

#[tokio::test(start_paused = true)]
async fn l5_the_backlog_at_telegram_and_the_age_of_its_last_error_are_gauges() {
    let wanted = SetWebhook::new("https://bot.example/x");
    for error_age in [None, Some(50_u32)] {
        let measured = Measured::default();
        let _guard = metrics::set_default_local_recorder(&measured);
        let telegram = service_fn(move |_: ApiRequest| async move {
            let mut info = json!({
                "url": "https://bot.example/x", "has_custom_certificate": false,
                "pending_update_count": 7,
            });
            if let Some(age) = error_age {
                info["last_error_date"] = json!(unix_seconds() - u64::from(age));
                info["last_error_message"] = json!("Connection refused");
            }
            Ok::<_, Infallible>(ApiResponse::new(info.to_string()))
        });
        let health = WebhookHealth::new(Client::from_service(telegram), &wanted);
        let handle = health.handle();
        let watching = tokio::spawn(health.run());
        until("it was looked at", || handle.latest().health.is_some()).await;
        watching.abort();
        let pending = measured.get("telegram.webhook.pending_updates");
        assert_eq!(pending, [7.0]);
        let ages = measured.get("telegram.webhook.last_error_age");
        let expected = error_age.map_or(f64::INFINITY, f64::from);
        // A second may have begun between the two.
        assert!(ages == [expected] || ages == [expected + 1.0], "{ages:?}");
    }
}

/// `increase()` over a series that begins with 1 is 0, so an alert would miss the first.
#[test]
fn l5_the_counters_of_alerts_begin_at_zero() {
    let measured = Measured::default();
    metrics::with_local_recorder(&measured, describe_metrics);
    for key in [
        "telegram.updates.abandoned{telegram.update.type=\"message\"}",
        "telegram.updates.abandoned{telegram.update.type=\"callback_query\"}",
        "telegram.updates.abandoned{telegram.update.type=\"unknown\"}",
        "telegram.updates.claims_lost",
        "telegram.updates.deferred{telegram.reason=\"session_store_unavailable\"}",
        "telegram.updates.deferred{telegram.reason=\"overloaded\"}",
        "telegram.updates.deferred{telegram.reason=\"handler\"}",
    ] {
        assert_eq!(measured.get(key), [0.0], "{key} in {:?}", measured.keys());
    }
}

#[test]
fn l5_each_metric_has_a_unit_and_a_description() {
    let measured = Measured::default();
    metrics::with_local_recorder(&measured, describe_metrics);
    let mut described = measured.keys();
    described.retain(|key| key.contains(" in "));
    let lag = "telegram.update.lag in seconds: How old an update was";
    assert!(
        described.iter().any(|text| text.starts_with(lag)),
        "{described:?}"
    );
    assert_eq!(described.len(), 19);
}
