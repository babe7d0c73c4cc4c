//! Spans of updates by webhook and of the calls of their handlers.

use std::{convert::Infallible, future::pending, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use http::{Request, Response, StatusCode};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tower_telegram::{
    client::{ApiBody, ClientBuilder},
    handler_fn,
    methods::{DeleteMessage, SendMessage},
    trace::{TraceCallsLayer, TraceUpdatesLayer},
    types::Update,
    webhook::{
        BotId, DeadlineLayer, DeliveryLayer, Failure, HandlerTimeoutLayer, RawUpdate,
        SequenceLayer, ServiceBuilderExt as _, Webhook,
    },
};

use super::support::{Answers, CHAT_NOT_FOUND, SECOND, TOO_MANY, message, until};
use crate::support::recorder::{RecordedSpan, Recorder};

fn webhook() -> Webhook {
    Webhook::without_secret_token()
}

/// The fields that are the same in all tests.
fn assert_is_update(span: &RecordedSpan, update_id: i64) {
    assert_eq!(span.level, tracing::Level::INFO);
    for (field, value) in [
        ("otel.name", "process message"),
        ("otel.kind", "consumer"),
        ("messaging.system", "telegram"),
        ("messaging.operation.type", "process"),
        ("messaging.message.id", &*update_id.to_string()),
        ("telegram.update.type", "message"),
        // Not asked for.
        ("telegram.chat.id", ""),
        ("telegram.user.id", ""),
    ] {
        assert_eq!(span.get(field), value, "{field} of {span}");
    }
}

#[tokio::test]
async fn l1_an_update_is_one_span_and_its_calls_are_children() {
    let (recorder, _guard) = Recorder::start();
    let client = Answers::default().client();
    let bot = webhook().handler(move |update: Update| {
        let client = client.clone();
        async move {
            client.send(DeleteMessage::new(7, 1)).await.unwrap();
            tracing::info!("an event of the handler's");
            let chat = update.any_message().map(|message| message.chat.id);
            chat.map(|chat| SendMessage::new(chat, "hello"))
        }
    });
    bot.into_updates().oneshot(message(5, 7)).await.unwrap();

    let [update] = &recorder.updates()[..] else {
        panic!("one span: {}", recorder.text());
    };
    assert_is_update(update, 5);
    assert!(update.has_ended && update.parent.is_none());
    assert_eq!(update.get("telegram.update.outcome"), "done");
    assert_eq!(update.get("telegram.update.attempt"), "1");
    assert_eq!(update.get("telegram.reply.method"), "sendMessage");
    let [call] = &recorder.calls()[..] else {
        panic!("one call: {}", recorder.text());
    };
    assert_eq!(call.parent, Some(update.id));
    let events = recorder.events();
    let event = events
        .iter()
        .find(|event| event.message() == "an event of the handler's");
    assert_eq!(event.unwrap().span, Some(update.id));
}

#[tokio::test(start_paused = true)]
async fn l2_a_call_has_its_method_server_status_repeats_and_waits() {
    let (recorder, _guard) = Recorder::start();
    let answers = Answers::default();
    answers.push(TOO_MANY);
    let client = answers.client();
    client.send(DeleteMessage::new(7, 1)).await.unwrap();
    // The second to the same chat waits for its second.
    client.send(SendMessage::new(7, "a")).await.unwrap_err();
    answers.push(CHAT_NOT_FOUND);
    client.send(SendMessage::new(7, "b")).await.unwrap_err();

    let calls = recorder.calls();
    let [deleted, unreadable, refused] = &calls[..] else {
        panic!("a span a call: {calls:?}");
    };
    assert!(calls.iter().all(|call| call.level == tracing::Level::INFO));
    for (field, value) in [
        ("otel.name", "deleteMessage"),
        ("otel.kind", "client"),
        ("url.template", "/bot{token}/deleteMessage"),
        ("server.address", "api.telegram.org"),
        ("http.response.status_code", "200"),
        ("http.request.resend_count", "1"),
        ("error.type", ""),
        ("otel.status_code", ""),
        ("telegram.chat.id", ""),
    ] {
        assert_eq!(deleted.get(field), value, "{field} of {deleted}");
    }
    // `true` is no message, so the error is found above the layer.
    assert_eq!(unreadable.get("error.type"), "");
    assert_eq!(refused.get("error.type"), "api");
    assert_eq!(refused.get("otel.status_code"), "ERROR");
    assert_eq!(refused.get("http.response.status_code"), "400");
    assert!(refused.get("error.message").contains("chat not found"));
    assert!(
        refused.number("telegram.call.limit_wait") > 0.5,
        "{refused}"
    );
    assert_eq!(refused.get("http.request.resend_count"), "");
    assert!(calls.iter().all(|call| call.has_ended));
}

#[tokio::test(start_paused = true)]
async fn l2_a_call_that_is_dropped_is_cancelled_and_one_that_panics_has_failed() {
    for panics in [false, true] {
        let (recorder, _guard) = Recorder::start();
        let http = service_fn(move |_: Request<ApiBody>| async move {
            assert!(!panics, "on purpose");
            pending::<Result<Response<String>, Infallible>>().await
        });
        let builder = ClientBuilder::new(http, &"123456:a-Secret_One".parse().unwrap());
        let client = builder.layer(TraceCallsLayer::new()).build();
        let call = client.send(DeleteMessage::new(7, 1));
        let call = AssertUnwindSafe(tokio::time::timeout(SECOND, call));
        drop(call.catch_unwind().await);
        let calls = recorder.calls();
        assert_eq!(calls.len(), 1);
        let (error, status) = if panics {
            ("panic", "ERROR")
        } else {
            ("cancelled", "")
        };
        assert_eq!(calls[0].get("error.type"), error);
        assert_eq!(calls[0].get("otel.status_code"), status);
        assert!(calls[0].has_ended);
    }
}

#[tokio::test]
async fn l1_the_bot_is_a_field_where_several_share_an_endpoint() {
    let (recorder, _guard) = Recorder::start();
    let bot = webhook().handler(async |_: Update| ()).into_updates();
    let mut request = message(1, 7);
    request.extensions_mut().insert(BotId(4_839_574_812));
    for request in [request, message(2, 7)] {
        drop(bot.clone().oneshot(request).await.unwrap());
    }
    let updates = recorder.updates();
    let bots: Vec<_> = updates
        .iter()
        .map(|span| span.get("telegram.bot.id"))
        .collect();
    assert_eq!(bots, ["4839574812", ""]);
}

/// The handler runs on a task of its own then, and in its span all the same.
#[tokio::test(start_paused = true)]
async fn l3_a_handler_whose_caller_hung_up_stays_in_its_span() {
    let (recorder, _guard) = Recorder::start();
    let client = Answers::default().client();
    let bot = webhook().handler(move |_: Update| {
        let client = client.clone();
        async move {
            tokio::time::sleep(SECOND * 2).await;
            client.send(DeleteMessage::new(7, 1)).await.map(drop)
        }
    });
    let bot = bot.into_updates();
    let hung_up = tokio::time::timeout(SECOND, bot.clone().oneshot(message(5, 7))).await;
    assert!(hung_up.is_err());
    // A redelivery joins it, and makes no second span.
    let joined = bot.oneshot(message(5, 7)).await.unwrap();
    assert_eq!(joined.status(), StatusCode::OK);
    drop(joined);
    let updates = recorder.updates();
    assert_eq!(updates.len(), 1, "{updates:?}");
    assert_eq!(updates[0].get("telegram.update.outcome"), "done");
    assert!(updates[0].has_ended);
    assert_eq!(recorder.calls()[0].parent, Some(updates[0].id));
}

#[tokio::test(start_paused = true)]
async fn l3_a_late_reply_is_a_child_of_its_update() {
    let (recorder, _guard) = Recorder::start();
    let answers = Answers::default();
    let deadline = DeadlineLayer::ack_after(SECOND, answers.client());
    let bot = webhook().deadline(deadline).handler(async |_: Update| {
        tokio::time::sleep(SECOND * 5).await;
        SendMessage::new(7, "late")
    });
    let response = bot.into_updates().oneshot(message(5, 7)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(recorder.calls().is_empty());
    until("the reply is sent", || {
        recorder.calls().first().is_some_and(|call| call.has_ended)
    })
    .await;
    let (updates, calls) = (recorder.updates(), recorder.calls());
    assert_eq!((updates.len(), calls.len()), (1, 1));
    assert_eq!(calls[0].get("telegram.method"), "sendMessage");
    assert_eq!(calls[0].parent, Some(updates[0].id));
    until("the span ends with the reply", || {
        recorder.updates()[0].has_ended
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn l4_each_attempt_is_a_span_with_its_number_and_outcome() {
    let (recorder, _guard) = Recorder::start();
    let delivery = DeliveryLayer::new().max_attempts(3);
    let webhook = webhook().delivery(delivery).without_deadline();
    let webhook = webhook.handler_timeout(HandlerTimeoutLayer::new(SECOND * 60));
    let bot = webhook.handler(async |update: Update| match update.update_id {
        1 => Err("it fails".into()),
        2 => panic!("on purpose"),
        3 => Err(Failure::permanent("no such order").into()),
        4 => pending().await,
        _ => Ok::<_, tower::BoxError>(()),
    });
    let bot = bot.into_updates();
    for update_id in [1, 1, 1, 2, 3, 4, 5] {
        drop(bot.clone().oneshot(message(update_id, 7)).await.unwrap());
    }
    let seen: Vec<_> = recorder
        .updates()
        .iter()
        .map(|span| {
            let fields = [
                "messaging.message.id",
                "telegram.update.attempt",
                "telegram.update.outcome",
                "error.type",
                "otel.status_code",
            ];
            fields.map(|field| span.get(field).to_owned()).join(" ")
        })
        .collect();
    assert_eq!(
        seen,
        [
            "1 1 failed _OTHER ERROR",
            "1 2 failed _OTHER ERROR",
            "1 3 abandoned _OTHER ERROR",
            "2 1 failed panic ERROR",
            "3 1 abandoned _OTHER ERROR",
            "4 1 failed handler_timeout ERROR",
            "5 1 done  ",
        ]
    );
    let updates = recorder.updates();
    assert!(updates[0].get("error.message").contains("it fails"));
    assert!(updates.iter().all(|span| span.has_ended));
}

/// A handler whose call fails, and one that shows another error in its place.
#[tokio::test]
async fn l4_a_call_that_fails_is_the_type_of_its_handlers_error() {
    let (recorder, _guard) = Recorder::start();
    let answers = Answers::default();
    let client = answers.client();
    let bot = webhook().handler(move |update: Update| {
        let client = client.clone();
        async move {
            let deleted = client.send(DeleteMessage::new(7, 1)).await;
            match update.update_id {
                1 => deleted.map(drop).map_err(tower::BoxError::from),
                _ => deleted
                    .map(drop)
                    .map_err(|error| std::io::Error::other(error).into()),
            }
        }
    });
    let bot = bot.into_updates();
    for update_id in [1, 2] {
        answers.push(CHAT_NOT_FOUND);
        drop(bot.clone().oneshot(message(update_id, 7)).await.unwrap());
    }
    let updates = recorder.updates();
    let types: Vec<_> = updates.iter().map(|span| span.get("error.type")).collect();
    assert_eq!(types, ["api", "api"]);
}

#[tokio::test(start_paused = true)]
async fn l4_a_wait_for_a_turn_is_a_field_and_no_room_to_wait_a_deferral() {
    let (recorder, _guard) = Recorder::start();
    let sequence = SequenceLayer::new().max_waiting_per_key(1);
    let bot = webhook().sequence(sequence).handler(async |_: Update| {
        tokio::time::sleep(SECOND * 3).await;
    });
    let bot = bot.into_updates();
    let deliver = |update_id| bot.clone().oneshot(message(update_id, 7));
    let all = tokio::join!(deliver(1), deliver(2), deliver(3));
    drop(all);
    let updates = recorder.updates();
    let [first, waited, rejected] = &updates[..] else {
        panic!("a span each: {updates:?}");
    };
    assert_eq!(first.get("telegram.update.outcome"), "done");
    assert_eq!(first.get("telegram.update.turn_wait"), "");
    assert_eq!(waited.get("telegram.update.outcome"), "done");
    assert!(waited.number("telegram.update.turn_wait") > 2.9, "{waited}");
    assert_eq!(rejected.get("telegram.update.outcome"), "deferred");
    assert_eq!(rejected.get("error.type"), "overloaded");
    assert_eq!(rejected.get("otel.status_code"), "");
}

#[tokio::test]
async fn l4_an_attempt_that_is_dropped_is_cancelled() {
    let (recorder, _guard) = Recorder::start();
    let bot = ServiceBuilder::new()
        .trace_updates()
        .parse::<Update>()
        .reply()
        .service(handler_fn(async |_: Update| pending::<()>().await));
    let waited = tokio::time::timeout(Duration::from_millis(5), bot.oneshot(message(1, 7))).await;
    assert!(waited.is_err());
    let updates = recorder.updates();
    assert_eq!(updates[0].get("telegram.update.outcome"), "cancelled");
    assert!(updates[0].has_ended);
}

#[tokio::test]
async fn l1_chat_and_user_are_there_if_asked_for_and_hooks_are_called_within_the_span() {
    let (recorder, _guard) = Recorder::start();
    let layer = TraceUpdatesLayer::new()
        .with_chat()
        .with_user()
        .on_request(|request, _| tracing::info!(id = request.body().update_id(), "it begins"))
        .on_response(|response, _, _| tracing::info!(status = %response.status(), "it is done"))
        .on_failure(|outcome, _, _| tracing::info!(%outcome, "it isn't"));
    let bot = webhook()
        .trace(layer)
        .handler(async |update: Update| match update.update_id {
            1 => Ok(()),
            _ => Err("no"),
        });
    let bot = bot.into_updates();
    for update_id in [1, 2] {
        drop(bot.clone().oneshot(message(update_id, 42)).await.unwrap());
    }
    let updates = recorder.updates();
    for update in &updates {
        assert_eq!(update.get("telegram.chat.id"), "42");
        assert_eq!(update.get("telegram.user.id"), "42");
    }
    let events: Vec<_> = recorder
        .events()
        .into_iter()
        .filter(|event| event.message().starts_with("it "))
        .map(|event| (event.message().to_owned(), event.span))
        .collect();
    let expected = [
        ("it begins", updates[0].id),
        ("it is done", updates[0].id),
        ("it begins", updates[1].id),
        ("it isn't", updates[1].id),
    ];
    let expected = expected.map(|(message, span)| (message.to_owned(), Some(span)));
    assert_eq!(events, expected);
}

#[tokio::test]
async fn l1_a_span_of_ones_own_takes_the_place_of_the_layers() {
    let (recorder, _guard) = Recorder::start();
    let layer = TraceUpdatesLayer::new().make_span_with(|request: &Request<RawUpdate>| {
        let kind = request.body().name().to_owned();
        tracing::info_span!(
            "mine",
            kind,
            "telegram.update.outcome" = tracing::field::Empty
        )
    });
    let bot = webhook().trace(layer).handler(async |_: Update| ());
    drop(bot.into_updates().oneshot(message(1, 7)).await.unwrap());
    assert!(recorder.updates().is_empty());
    let [mine] = &recorder.spans("mine")[..] else {
        panic!("one span: {}", recorder.text());
    };
    assert_eq!(mine.get("telegram.update.outcome"), "done");
    assert_eq!(mine.get("kind"), "message");
}

/// The fields of a table of the page `guide::observability`, in their order.
fn listed(table: &str) -> Vec<&'static str> {
    let page = include_str!("../../src/guide/observability.md");
    let (_, after) = page.split_once(&format!("<!-- {table} -->")).unwrap();
    let (rows, _) = after
        .split_once(&format!("<!-- end of {table} -->"))
        .unwrap();
    let names = rows
        .lines()
        .filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    names.map(|(name, _)| name).collect()
}

#[tokio::test]
async fn l9_spans_have_the_fields_that_the_guide_lists() {
    let (recorder, _guard) = Recorder::start();
    let client = Answers::default().client();
    client.send(DeleteMessage::new(7, 1)).await.unwrap();
    assert_eq!(recorder.calls()[0].declared, listed("call"));
    for layer in [
        TraceUpdatesLayer::new(),
        TraceUpdatesLayer::new().producer(),
    ] {
        let bot = webhook().trace(layer).handler(async |_: Update| ());
        drop(bot.into_updates().oneshot(message(1, 7)).await.unwrap());
    }
    let updates = recorder.updates();
    assert_eq!(updates.len(), 2);
    for update in updates {
        assert_eq!(update.declared, listed("update"));
    }
}
