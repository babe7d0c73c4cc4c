//! A chat that is slow or fails holds up itself alone.

use std::{convert::Infallible, future::pending, time::Duration};

use http::{Request, Response};
use tokio::time::sleep;
use tower::service_fn;
use tower_telegram::{
    polling::Polling,
    types::Update,
    webhook::{DeadlineLayer, RawUpdate, ReplyBody, SequenceLayer, Webhook},
};

use super::support::{Events, Running, text_of, until};
use crate::support::get_updates::PolledTelegram;

const SECOND: Duration = Duration::from_secs(1);

/// A handler that is as slow as the text says, fails at "fail", and never ends at "never".
macro_rules! bot {
    ($events:expr) => {{
        let events = $events.clone();
        Webhook::without_secret_token().handler(move |update: Update| {
            let events = events.clone();
            async move {
                let text = text_of(&update);
                events.add(format!("begins {}", update.update_id));
                match &*text {
                    "fail" => return Err("it fails"),
                    "never" => pending().await,
                    seconds => sleep(SECOND * seconds.parse().unwrap_or(0)).await,
                }
                events.add(format!("ends {}", update.update_id));
                Ok(())
            }
        })
    }};
}

#[tokio::test(start_paused = true)]
async fn h1_other_chats_are_fetched_and_handled_while_one_is_slow() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "4");
    telegram.message(1, "0");
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling, bot!(events).into_updates());
    events.until("begins 1").await;
    sleep(SECOND * 3 / 10).await;
    telegram.message(2, "0");
    events.until("ends 3").await;
    assert!(events.at("ends 3") < SECOND, "{events:?}");
    events.until("ends 2").await;
    assert!(events.at("begins 2") >= events.at("ends 1"), "{events:?}");
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    running.stop().await;
    assert_eq!(events.names().len(), 6, "each ran once: {events:?}");
}

/// One update of each way in which Telegram names its chat or user, and of none. A private chat has its user's number.
const KINDS: [(&str, &str, bool); 13] = [
    ("edited_message", r#"{"chat":{"id":1}}"#, true),
    (
        "callback_query",
        r#"{"from":{"id":9},"message":{"chat":{"id":1}}}"#,
        true,
    ),
    ("inline_query", r#"{"from":{"id":1}}"#, true),
    ("message", r#"{"chat":{"id":2}}"#, false),
    (
        "callback_query",
        r#"{"from":{"id":1},"message":{"chat":{"id":3}}}"#,
        false,
    ),
    (
        "callback_query",
        r#"{"from":{"id":4},"inline_message_id":"1"}"#,
        false,
    ),
    ("pre_checkout_query", r#"{"from":{"id":5}}"#, false),
    ("poll", r#"{"id":"1"}"#, false),
    ("poll_answer", r#"{"poll_id":"1","user":{"id":6}}"#, false),
    (
        "my_chat_member",
        r#"{"chat":{"id":7},"from":{"id":1}}"#,
        false,
    ),
    (
        "message_reaction",
        r#"{"chat":{"id":-8},"user":{"id":1}}"#,
        false,
    ),
    ("deleted_business_messages", r#"{"chat":{"id":10}}"#, false),
    ("from_the_future", r#"{"chat":{"id":11}}"#, false),
];

#[tokio::test(start_paused = true)]
async fn h1_updates_of_every_kind_go_on_beside_a_slow_chat_unless_they_are_its_own() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "60");
    let log = events.clone();
    let service = service_fn(move |request: Request<RawUpdate>| {
        let events = log.clone();
        async move {
            let id = request.body().update_id();
            events.add(format!("begins {id}"));
            if id == 1 {
                sleep(SECOND * 60).await;
            }
            Ok::<_, Infallible>(Response::<ReplyBody>::default())
        }
    });
    let running = Running::start(Polling::new(telegram.client()), service);
    events.until("begins 1").await;
    for (id, (kind, payload, _)) in (2..).zip(KINDS) {
        telegram.push(format!(r#"{{"update_id":{id},"{kind}":{payload}}}"#));
    }
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    for (id, (kind, payload, waits)) in (2..).zip(KINDS) {
        let at = events.at(&format!("begins {id}"));
        assert_eq!(at >= SECOND * 60, waits, "{kind} {payload}: {events:?}");
    }
    assert_eq!(events.names().len(), 14, "each ran once");
    running.stop().await;
}

/// An element that can't be read is behind a slow chat's update: it is reported at once and only once, however often
/// Telegram returns it, and confirmed in its turn.
#[tokio::test(start_paused = true)]
async fn h1_h3_elements_that_cannot_be_read_hold_up_no_chat_behind_a_slow_one() {
    for broken in [
        r#"{"update_id":2}"#,
        r#"{"update_id":2,"message":{"text":"a\ud83d"}}"#,
        r#"{"message":{}}"#,
        "nonsense",
    ] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        telegram.message(1, "60");
        telegram.push(broken);
        telegram.message(3, "0");
        telegram.message(1, "0");
        let log = events.clone();
        let polling = Polling::new(telegram.client()).on_unreadable(move |_| log.add("unreadable"));
        let running = Running::start(polling, bot!(events).into_updates());
        events.until("ends 3").await;
        assert!(events.at("unreadable") < SECOND, "{broken}: {events:?}");
        sleep(SECOND * 30).await;
        assert_eq!(telegram.pending(), [1, 2, 3, 4], "{broken}");
        events.until("ends 4").await;
        until(|| telegram.pending().is_empty(), broken).await;
        assert_eq!(events.count("unreadable"), 1, "{broken}: {events:?}");
        assert_eq!(events.names().len(), 7, "{broken}: {events:?}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn h1_other_chats_go_on_while_one_fails_and_is_tried_again() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "fail");
    let log = events.clone();
    let polling = Polling::new(telegram.client()).dead_letter(move |letter| {
        log.add(format!("abandoned {}", letter.update.update_id()));
        std::future::ready(())
    });
    let running = Running::start(polling, bot!(events).into_updates());
    events.until("begins 1").await;
    sleep(SECOND * 3 / 10).await;
    telegram.message(2, "0");
    telegram.message(1, "0");
    events.until("ends 3").await;
    assert!(events.at("ends 2") < SECOND, "{events:?}");
    assert!(
        events.at("begins 3") >= events.at("abandoned 1"),
        "{events:?}"
    );
    assert_eq!(events.count("begins 1"), 5);
    assert_eq!(events.count("abandoned 1"), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn h1_a_handler_that_never_ends_holds_up_its_chat_alone() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "never");
    telegram.message(1, "0");
    let polling = Polling::new(telegram.client()).shutdown_timeout(SECOND);
    let running = Running::start(polling, bot!(events).into_updates());
    for chat in 2..60 {
        sleep(SECOND * 7).await;
        let id = telegram.message(chat, "0");
        events.until(&format!("ends {id}")).await;
    }
    assert_eq!(events.count("begins 2"), 0);
    running.stop().await;
    assert_eq!(telegram.pending().first(), Some(&1), "nothing is confirmed");
}

/// Like a handler that asks a question and waits for the answer, in another chat.
#[tokio::test(start_paused = true)]
async fn h1_a_handler_may_wait_for_another_chats_update() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    let log = events.clone();
    let webhook = Webhook::without_secret_token().handler(move |update: Update| {
        let events = log.clone();
        async move {
            if text_of(&update) == "asks" {
                events.until("answers").await;
            }
            events.add(text_of(&update));
        }
    });
    telegram.message(1, "asks");
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling, webhook.into_updates());
    sleep(SECOND).await;
    telegram.message(2, "answers");
    events.until("asks").await;
    assert_eq!(events.names(), ["answers", "asks"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn h1_a_rush_behind_a_slow_chat_is_bounded_and_all_of_it_is_handled_in_order() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "60");
    for n in 0..400 {
        telegram.message(2 + n % 10, "0");
    }
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling, bot!(events).into_updates());
    events.until("ends 100").await;
    assert!(events.at("ends 100") < SECOND, "the window is handled");
    sleep(SECOND * 30).await;
    // The documented bound: no more than 100 updates from the oldest open one on.
    assert_eq!(events.count("begins 101"), 0);
    let calls = telegram.state().calls.len();
    assert!(calls < 20, "{calls} calls in 30 s");
    events.until("ends 401").await;
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    running.stop().await;
    let names = events.names();
    let ends: Vec<i64> = names
        .iter()
        .filter_map(|name| name.strip_prefix("ends ")?.parse().ok())
        .collect();
    for chat in 0..10 {
        let of_chat: Vec<_> = ends
            .iter()
            .filter(|id| **id > 1 && (*id - 2) % 10 == chat)
            .collect();
        assert!(of_chat.is_sorted(), "chat {chat}: {of_chat:?}");
        assert_eq!(of_chat.len(), 40, "chat {chat}");
    }
}

/// Each call with an offset that is held back is answered at once with all that isn't confirmed.
#[tokio::test(start_paused = true)]
async fn h1_an_offset_that_is_held_back_is_asked_for_at_most_twice_a_second() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "60");
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling, bot!(events).into_updates());
    events.until("ends 1").await;
    let calls = telegram.state().calls.clone();
    for pair in calls.windows(2) {
        if pair[0].offset == pair[1].offset {
            let pause = pair[1].at - pair[0].at;
            assert!(pause >= SECOND / 2, "{pause:?}");
        }
        assert!(pair[1].limit == 100, "the server cuts none short: {pair:?}");
    }
    assert!(calls.len() < 60, "{} calls in a minute", calls.len());
    running.stop().await;
}

/// Handled updates may vanish from the responses, and so may open ones.
#[tokio::test(start_paused = true)]
async fn h1_updates_whose_life_ends_meanwhile_are_handled_once_and_hold_up_no_chat() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "600");
    for id in 2..=99 {
        telegram.message(id, "0");
    }
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling, bot!(events).into_updates());
    events.until("ends 99").await;
    for id in 1..=50 {
        telegram.expire(id);
    }
    for id in 100..=140 {
        telegram.message(id, "0");
    }
    events.until("ends 140").await;
    assert!(events.at("ends 140") < SECOND * 60, "{events:?}");
    events.until("ends 1").await;
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    running.stop().await;
    assert_eq!(events.names().len(), 280, "each ran once");
}

#[tokio::test(start_paused = true)]
async fn h1_one_update_at_a_time_can_be_asked_for() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "30");
    for chat in 2..20 {
        telegram.message(chat, "0");
    }
    let polling = Polling::new(telegram.client()).limit(1);
    let running = Running::start(polling, bot!(events).into_updates());
    events.until("ends 19").await;
    assert_eq!(events.count("ends 1"), 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn h2_a_handler_of_ten_minutes_is_no_failed_attempt() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "600");
    telegram.message(1, "0");
    let log = events.clone();
    let polling = Polling::new(telegram.client()).dead_letter(move |letter| {
        log.add(format!("abandoned {}", letter.update.update_id()));
        std::future::ready(())
    });
    let running = Running::start(polling, bot!(events).into_updates());
    events.until("begins 1").await;
    sleep(SECOND * 590).await;
    assert_eq!(telegram.pending(), [1, 2], "nothing is confirmed");
    assert_eq!(events.names(), ["begins 1"]);
    events.until("ends 2").await;
    assert_eq!(events.names(), ["begins 1", "ends 1", "begins 2", "ends 2"]);
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    running.stop().await;
}

/// The webhook's deadlines, those of queries too, have no effect in polling, and an early acknowledgement neither.
#[tokio::test(start_paused = true)]
async fn h2_a_deadline_of_the_webhook_makes_no_failed_attempt() {
    let queries = [
        ("pre_checkout_query", r#"{"id":"1","from":{"id":1}}"#),
        ("inline_query", r#"{"id":"1","from":{"id":1}}"#),
        ("callback_query", r#"{"id":"1","from":{"id":1}}"#),
    ];
    let client = PolledTelegram::default().client();
    for deadline in [
        DeadlineLayer::default(),
        DeadlineLayer::new(SECOND),
        DeadlineLayer::ack_after(SECOND, client),
    ] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        let (log, ran) = (events.clone(), events.clone());
        let webhook =
            Webhook::without_secret_token()
                .deadline(deadline)
                .handler(move |update: Update| {
                    let events = ran.clone();
                    async move {
                        events.add(format!("begins {}", update.update_id));
                        sleep(SECOND * 60).await;
                        events.add(format!("ends {}", update.update_id));
                    }
                });
        for (id, (kind, payload)) in (1..).zip(queries) {
            telegram.push(format!(r#"{{"update_id":{id},"{kind}":{payload}}}"#));
        }
        let polling = Polling::new(telegram.client())
            .max_attempts(1)
            .dead_letter(move |_| {
                log.add("abandoned");
                std::future::ready(())
            });
        let running = Running::start(polling, webhook.into_updates());
        until(|| telegram.pending().is_empty(), "all are confirmed").await;
        let expected = [
            "begins 1", "ends 1", "begins 2", "ends 2", "begins 3", "ends 3",
        ];
        assert_eq!(events.names(), expected);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn d14_an_update_that_waits_for_its_turn_is_never_counted_in_polling() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "300");
    telegram.message(2, "0");
    let log = events.clone();
    // Two chats in one line, and a wait that is cancelled a hundred times.
    let sequence = SequenceLayer::by(|_: &RawUpdate| Some(0));
    let webhook = {
        let events = events.clone();
        Webhook::without_secret_token()
            .sequence(sequence.max_wait(SECOND / 10))
            .handler(move |update: Update| {
                let events = events.clone();
                async move {
                    let seconds = text_of(&update).parse().unwrap_or(0);
                    sleep(SECOND * seconds).await;
                    events.add(format!("ends {}", update.update_id));
                }
            })
    };
    let polling = Polling::new(telegram.client())
        .max_attempts(1)
        .dead_letter(move |letter| {
            log.add(format!("abandoned {}", letter.update.update_id()));
            std::future::ready(())
        });
    let running = Running::start(polling, webhook.into_updates());
    events.until("ends 2").await;
    assert_eq!(events.names(), ["ends 1", "ends 2"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn d15_a_refusal_that_a_repeat_cannot_change_is_one_run_in_polling() {
    use tower_telegram::webhook::Failure;

    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "0");
    let (log, ran) = (events.clone(), events.clone());
    let webhook = Webhook::without_secret_token().handler(move |_: Update| {
        ran.add("ran");
        async { Err::<(), _>(Failure::permanent("no such order")) }
    });
    let polling = Polling::new(telegram.client()).dead_letter(move |_| {
        log.add("abandoned");
        std::future::ready(())
    });
    let running = Running::start(polling, webhook.into_updates());
    until(|| telegram.pending().is_empty(), "it is confirmed").await;
    assert_eq!(events.names(), ["ran", "abandoned"]);
    running.stop().await;
}

/// The webhook's own layer of deliveries stands below, with its own count and hook.
#[tokio::test(start_paused = true)]
async fn polling_counts_the_attempts_and_both_hooks_are_called_once() {
    use tower_telegram::webhook::DeliveryLayer;

    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "fail");
    let (log, letters, ran) = (events.clone(), events.clone(), events.clone());
    let delivery = DeliveryLayer::new()
        .max_attempts(2)
        .dead_letter(move |letter| {
            letters.add(format!("letter {}", letter.attempts));
            async {}
        });
    let webhook = Webhook::without_secret_token()
        .delivery(delivery)
        .handler(move |_: Update| {
            ran.add("ran");
            async { Err::<(), _>("it fails") }
        });
    let polling = Polling::new(telegram.client())
        .max_attempts(3)
        .dead_letter(move |_| {
            log.add("abandoned");
            std::future::ready(())
        });
    let running = Running::start(polling, webhook.into_updates());
    until(|| telegram.pending().is_empty(), "it is confirmed").await;
    assert_eq!(
        events.names(),
        ["ran", "ran", "ran", "letter 3", "abandoned"]
    );
    running.stop().await;
}
