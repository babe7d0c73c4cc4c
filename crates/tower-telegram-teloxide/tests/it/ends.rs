//! When Telegram has its answer: once the handler has ended, however it does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, StatusCode};
use serde_json::json;
use teloxide::{ApiError, RequestError, dptree, error_handlers::IgnoringErrorHandler, prelude::*};
use tokio::sync::mpsc;
use tower::{Service as _, ServiceExt as _};
use tower_telegram::webhook::{DeliveryLayer, Failure, RawUpdate, ServiceBuilderExt as _, Webhook};
use tower_telegram_teloxide::{Bridge, DispatcherStopped, TeloxideUpdate, plain_listener};
use tower_telegram_test::{Exchange, Telegram, update};

use crate::support::{self, Gate};

type Calls = Arc<AtomicUsize>;

async fn impatient() -> Telegram {
    let builder = Telegram::builder().max_wait(Duration::ZERO);
    builder.start().await.unwrap()
}

fn statuses(exchange: &Exchange) -> Vec<u16> {
    let statuses = exchange.attempts.iter().map(|attempt| attempt.status);
    statuses.map(Option::unwrap).collect()
}

#[tokio::test]
async fn m2_telegram_is_answered_when_the_handler_has_ended() {
    let telegram = impatient().await;
    let gate = Gate::new();
    let bot = support::start(&telegram, Gate::tree(), gate.dependencies()).await;

    let (exchange, ()) = tokio::join!(telegram.deliver(update::text(7, "hi")), async {
        assert_eq!(gate.begun().await, "hi");
        assert_eq!(telegram.pending_updates(), 1);
        gate.open(1);
    });
    assert_eq!(statuses(&exchange), [200]);
    assert_eq!(telegram.pending_updates(), 0);
    bot.stop().await;
}

#[tokio::test]
async fn m2_an_update_without_a_handler_ends_with_the_default_handler() {
    let telegram = impatient().await;
    let tree = Update::filter_message().endpoint(async || Ok::<_, ()>(()));
    let bridge = Bridge::new(tree);
    let webhook = Webhook::without_secret_token();
    let serving = support::serve(&telegram, webhook, &bridge.listener, bridge.service).await;

    let gate = Gate::new();
    let passed = gate.clone();
    let mut dispatcher = support::quiet(&telegram, bridge.handler)
        .default_handler(move |_| {
            let gate = passed.clone();
            async move { gate.pass("default").await }
        })
        .build();
    let stop = dispatcher.shutdown_token();
    let errors = IgnoringErrorHandler::new();
    let dispatch = dispatcher.dispatch_with_listener(bridge.listener, errors);
    let test = async {
        let deliver = telegram.deliver(update::inline_query(7, "x"));
        let (exchange, ()) = tokio::join!(deliver, async {
            assert_eq!(gate.begun().await, "default");
            assert_eq!(telegram.pending_updates(), 1);
            gate.open(1);
        });
        assert_eq!(statuses(&exchange), [200]);
        stop.shutdown().unwrap().await;
    };
    tokio::join!(dispatch, test);
    serving.await.unwrap();
}

/// Fails in both ways before it succeeds, each update by itself.
async fn fails_twice(calls: Calls) -> Result<(), String> {
    match calls.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Err("failed as asked".to_owned()),
        1 => panic!("panicked as asked"),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn m3_an_update_whose_handler_fails_or_panics_is_sent_again_and_the_dispatcher_goes_on() {
    let telegram = impatient().await;
    let calls = Calls::default();
    let tree = Update::filter_message().endpoint(fails_twice);
    let bot = support::start(&telegram, tree, dptree::deps![Arc::clone(&calls)]).await;

    // The second is of the same chat, whose worker has to be there.
    for text in ["one", "two"] {
        let exchange = telegram.deliver(update::text(7, text)).await;
        assert_eq!(statuses(&exchange), [500, 500, 200]);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 6);
    bot.stop().await;
}

#[tokio::test]
async fn m3_a_refusal_that_a_repeat_cant_change_ends_the_update_at_once() {
    let telegram = impatient().await;
    let (letters, mut abandoned) = mpsc::unbounded_channel();
    let delivery = DeliveryLayer::new().dead_letter(move |letter| {
        let letters = letters.clone();
        async move { letters.send(letter.failure.to_string()).unwrap() }
    });
    let webhook = Webhook::without_secret_token().delivery(delivery);
    let tree = Update::filter_message()
        .endpoint(async || ResponseResult::<()>::Err(RequestError::Api(ApiError::BotBlocked)));
    let bot = support::start_bridge(&telegram, webhook, Bridge::new(tree), dptree::deps![]).await;

    let exchange = telegram.deliver(update::text(7, "hi")).await;
    assert_eq!(statuses(&exchange), [200]);
    let abandoned = abandoned.recv().await.unwrap();
    assert!(abandoned.starts_with("the handler failed: "), "{abandoned}");
    bot.stop().await;
}

#[tokio::test]
async fn m3_a_bot_can_leave_errors_to_the_dispatchers_error_handler() {
    let telegram = impatient().await;
    let calls = Calls::default();
    let tree = Update::filter_message().endpoint(async |calls: Calls| {
        calls.fetch_add(1, Ordering::Relaxed);
        Err::<(), _>("logged")
    });
    let bridge = Bridge::with_errors(tree, |_| Ok(()));
    let webhook = Webhook::without_secret_token();
    let dependencies = dptree::deps![Arc::clone(&calls)];
    let bot = support::start_bridge(&telegram, webhook, bridge, dependencies).await;

    let exchange = telegram.deliver(update::text(7, "hi")).await;
    assert_eq!(statuses(&exchange), [200]);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    bot.stop().await;
}

#[tokio::test]
async fn m4_a_dispatcher_that_stops_handles_the_updates_that_it_has() {
    let telegram = impatient().await;
    let gate = Gate::new();
    let bot = support::start(&telegram, Gate::tree(), gate.dependencies()).await;

    let deliver = telegram.deliver(update::text(7, "running"));
    let (exchange, ()) = tokio::join!(deliver, async {
        assert_eq!(gate.begun().await, "running");
        let ((), ()) = tokio::join!(bot.stop(), async { gate.open(1) });
    });
    assert_eq!(statuses(&exchange), [200]);
}

#[tokio::test]
async fn m4_an_update_that_no_dispatcher_takes_is_deferred_and_not_counted() {
    let bridge = Bridge::new(Gate::tree());
    let mut service = bridge.service;
    let update = || {
        let query = json!({"id": "1", "from": {"id": 7, "is_bot": false, "first_name": "Ada"},
                           "query": "x", "offset": ""});
        json!({"update_id": 7, "inline_query": query})
    };
    let read = |update: serde_json::Value| {
        serde_json::from_str::<TeloxideUpdate>(&update.to_string()).unwrap()
    };

    // One waits in the queue, and one comes too late.
    let waiting = service
        .ready()
        .await
        .unwrap()
        .call(Request::new(read(update())));
    drop(bridge.listener);
    for future in [waiting, service.call(Request::new(read(update())))] {
        let error = future.await.unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert!(failure.as_error().unwrap().is::<DispatcherStopped>());
    }

    let letters = DeliveryLayer::new().max_attempts(1);
    let updates = tower::ServiceBuilder::new()
        .layer(letters)
        .parse::<TeloxideUpdate>()
        .reply()
        .service(service);
    for _ in 0..3 {
        let raw = RawUpdate::from_bytes(update().to_string().into()).unwrap();
        let response = updates.clone().oneshot(Request::new(raw)).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn m4_redeliveries_that_run_beside_each_other_end_each_by_itself() {
    let telegram = impatient().await;
    let gate = Gate::new();
    let webhook = Webhook::without_secret_token().without_delivery();
    let bridge = Bridge::new(Gate::tree());
    let bot = support::start_bridge(&telegram, webhook, bridge, gate.dependencies()).await;

    let mut sent = update::text(7, "hi");
    sent["update_id"] = json!(5);
    let (first, second, ()) = tokio::join!(
        telegram.deliver_once(sent.clone()),
        telegram.deliver_once(sent),
        async {
            gate.open(2);
            assert_eq!([gate.begun().await, gate.begun().await], ["hi", "hi"]);
        }
    );
    assert_eq!(statuses(&first.unwrap()), [200]);
    assert_eq!(statuses(&second.unwrap()), [200]);
    bot.stop().await;
}

#[tokio::test]
async fn m5_an_update_that_teloxide_cant_read_goes_to_the_hook() {
    let telegram = impatient().await;
    let (unread, mut hooked) = mpsc::unbounded_channel();
    let gate = Gate::new();
    let bridge = Bridge::new(Gate::tree());
    let webhook = Webhook::without_secret_token()
        .parse_as::<TeloxideUpdate>()
        .on_unreadable(move |raw, error| {
            unread.send((raw.update_id(), error.to_string())).unwrap();
        });
    let service = webhook.service(bridge.service).into_updates();
    let raw = RawUpdate::from_bytes(r#"{"update_id":9,"message":{"text":7}}"#.into()).unwrap();
    let response = service.oneshot(Request::new(raw)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (update_id, error) = hooked.recv().await.unwrap();
    assert_eq!(update_id, 9);
    assert!(error.contains("TeloxideUpdate"), "{error}");
    assert!(gate.others().await.is_empty());
    drop(telegram);
}

#[tokio::test]
async fn m2_a_plain_listener_answers_when_the_update_is_taken() {
    let telegram = impatient().await;
    let (listener, service) = plain_listener();
    let webhook = Webhook::without_secret_token();
    let serving = support::serve(&telegram, webhook, &listener, service).await;
    let gate = Gate::new();
    let mut dispatcher = support::quiet(&telegram, Gate::tree())
        .dependencies(gate.dependencies())
        .build();
    let stop = dispatcher.shutdown_token();
    let dispatch = dispatcher.dispatch_with_listener(listener, IgnoringErrorHandler::new());
    tokio::join!(dispatch, async {
        let exchange = telegram.deliver(update::text(7, "hi")).await;
        assert_eq!(statuses(&exchange), [200]);
        assert_eq!(gate.begun().await, "hi");
        gate.open(1);
        stop.shutdown().unwrap().await;
    });
    serving.await.unwrap();
}

/// In development, say, the same tree takes its updates from teloxide's own listener.
#[tokio::test]
async fn m2_the_tree_of_a_bridge_handles_updates_of_another_listener() {
    let telegram = impatient().await;
    let gate = Gate::new();
    let bridge = Bridge::new(Gate::tree());
    let mut dispatcher = support::quiet(&telegram, bridge.handler)
        .dependencies(gate.dependencies())
        .build();
    let stop = dispatcher.shutdown_token();
    let update_id = telegram.enqueue(update::text(7, "hi")).unwrap();
    tokio::join!(dispatcher.dispatch(), async {
        gate.open(1);
        assert_eq!(gate.begun().await, "hi");
        telegram.wait_until_confirmed(update_id).await.unwrap();
        stop.shutdown().unwrap().await;
    });
}
