//! Shutdown, crashes and restarts with updates in hand.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tower::Layer as _;
use tower_telegram::{
    Client,
    client::RetryLayer,
    methods::SendMessage,
    polling::Polling,
    types::Update,
    webhook::{DeliveryLayer, HandlerTimeoutLayer, Webhook, delivery::MemoryStore},
};

use super::support::{Events, Running, slow_bot, text_of, until};
use crate::{
    delivery::stores::Place as _,
    simulation::{leased::SharedLeased, mortal::MortalStore},
    support::get_updates::{Mishap, PolledTelegram},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn h5_shutdown_drains_what_runs_and_confirms_what_has_ended() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    for (chat, seconds) in [(1, "3"), (2, "5"), (1, "0"), (2, "0")] {
        telegram.message(chat, seconds);
    }
    let polling = Polling::new(telegram.client());
    let webhook = Webhook::without_secret_token();
    let mut running = Running::start(polling, slow_bot(webhook, &events));
    events.until("begins 2").await;
    running.tell();
    running.end().await.expect("no error");
    assert_eq!(events.names(), ["begins 1", "begins 2", "ends 1", "ends 2"]);
    assert_eq!(telegram.pending(), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn d19_shutdown_waits_for_a_handler_that_was_left_running() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "20");
    let polling = Polling::new(telegram.client()).max_attempts(1);
    let timed = HandlerTimeoutLayer::new(SECOND).leave_running();
    let webhook = Webhook::without_secret_token().handler_timeout(timed);
    let mut running = Running::start(polling, slow_bot(webhook, &events));
    events.until("begins 1").await;
    running.tell();
    running.end().await.expect("no error");
    assert_eq!(events.names(), ["begins 1", "ends 1"]);
    assert!(telegram.pending().is_empty(), "it was abandoned");
}

/// Telegram confirms by order alone: 4 can't be without 1 to 3.
#[tokio::test(start_paused = true)]
async fn h5_shutdown_handles_what_stands_before_an_update_that_has_ended() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    for (chat, seconds) in [(1, "3"), (1, "1"), (2, "5"), (3, "0"), (1, "0")] {
        telegram.message(chat, seconds);
    }
    let polling = Polling::new(telegram.client());
    let webhook = Webhook::without_secret_token();
    let mut running = Running::start(polling, slow_bot(webhook, &events));
    events.until("ends 4").await;
    running.tell();
    running.end().await.expect("no error");
    assert_eq!(events.count("begins 5"), 0, "nothing behind it begins");
    assert_eq!(telegram.pending(), [5]);
}

/// A confirmation that gets lost is made again, so that a restart needn't handle all of it twice.
#[tokio::test(start_paused = true)]
async fn h5_the_last_confirmation_is_made_again_where_it_fails() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "1");
    let polling = Polling::new(telegram.client());
    let webhook = Webhook::without_secret_token();
    let mut running = Running::start(polling, slow_bot(webhook, &events));
    events.until("begins 1").await;
    // Meanwhile another call is on its way.
    telegram.state().mishaps.extend([
        Mishap::Unsent,
        Mishap::Answer(502, "<html>"),
        Mishap::Unsent,
    ]);
    running.tell();
    running.end().await.expect("no error");
    assert!(telegram.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn h5_a_confirmation_whose_answer_cannot_be_read_is_one() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "1");
    let polling = Polling::new(telegram.client());
    let webhook = Webhook::without_secret_token();
    let mut running = Running::start(polling, slow_bot(webhook, &events));
    events.until("begins 1").await;
    running.tell();
    telegram.push(&b"{\"update_id\":2,\"message\":tru}"[..]);
    running.end().await.expect("no error");
    assert_eq!(telegram.pending(), [2]);
}

#[tokio::test(start_paused = true)]
async fn h5_after_a_crash_open_updates_are_fetched_again_and_a_store_remembers_the_done_ones() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    for (chat, seconds) in [(1, "9"), (2, "0"), (3, "0"), (1, "0")] {
        telegram.message(chat, seconds);
    }
    let store = Arc::new(MemoryStore::new());
    let webhook = || {
        let delivery = DeliveryLayer::with_store(Arc::clone(&store));
        Webhook::without_secret_token().delivery(delivery)
    };
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling.clone(), slow_bot(webhook(), &events));
    events.until("ends 3").await;
    running.kill().await;
    assert_eq!(telegram.pending(), [1, 2, 3, 4], "nothing was confirmed");
    let running = Running::start(polling, slow_bot(webhook(), &events));
    events.until("ends 4").await;
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    for id in 1..=4 {
        assert_eq!(events.count(&format!("ends {id}")), 1, "{id}: {events:?}");
    }
    running.stop().await;
}

/// With the store in the memory of a service that goes on.
#[tokio::test(start_paused = true)]
async fn h5_polling_that_is_started_again_handles_again_what_was_cut_off() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "60");
    telegram.message(2, "0");
    let service = slow_bot(Webhook::without_secret_token(), &events);
    let polling = Polling::new(telegram.client()).shutdown_timeout(Duration::ZERO);
    let running = Running::start(polling.clone(), service.clone());
    events.until("ends 2").await;
    running.stop().await;
    assert_eq!(telegram.pending(), [1, 2]);
    let running = Running::start(polling, service);
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    let expected = ["begins 1", "begins 2", "ends 2", "begins 1", "ends 1"];
    assert_eq!(events.names(), expected, "what was done isn't done again");
    running.stop().await;
}

/// An update that ends its process each time is known by a store that outlives it.
#[tokio::test(start_paused = true)]
async fn h5_an_update_that_ends_its_process_each_time_is_abandoned_where_a_store_counts() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "1000");
    telegram.message(1, "0");
    let place = SharedLeased::default();
    for life in 1..=3 {
        let store = MortalStore::new(place.store());
        let delivery = DeliveryLayer::with_store(store.clone());
        let handle = delivery.handle();
        let webhook = Webhook::without_secret_token().delivery(delivery);
        let polling = Polling::new(telegram.client()).max_attempts(3);
        let running = Running::start(polling, slow_bot(webhook, &events));
        events.until_count("begins 1", life).await;
        // Its process ends, and so does the claim in a while.
        store.die();
        running.kill().await;
        handle.shutdown(Duration::ZERO).await;
        sleep(SECOND * 10).await;
    }
    let log = events.clone();
    let delivery = DeliveryLayer::with_store(MortalStore::new(place.store()));
    let webhook = Webhook::without_secret_token().delivery(delivery);
    let polling = Polling::new(telegram.client())
        .max_attempts(3)
        .dead_letter(move |letter| {
            log.add(format!("abandoned {}", letter.update.update_id()));
            std::future::ready(())
        });
    let running = Running::start(polling, slow_bot(webhook, &events));
    events.until("ends 2").await;
    assert_eq!(events.count("begins 1"), 3);
    assert_eq!(events.count("abandoned 1"), 1);
    running.stop().await;
}

/// A polling bot that replies to each message with its text, after as many seconds as it says.
macro_rules! replying_bot {
    (@ $events:expr, $webhook:expr) => {{
        let events = $events.clone();
        let webhook = $webhook.handler(move |update: Update| {
            let events = events.clone();
            async move {
                sleep(SECOND * text_of(&update).parse().unwrap_or(0)).await;
                events.add(format!("ends {}", update.update_id));
                SendMessage::new(7, update.update_id.to_string())
            }
        });
        webhook.into_updates()
    }};
    ($events:expr, $store:expr) => {{
        let delivery = DeliveryLayer::with_store($store);
        replying_bot!(@ $events, Webhook::without_secret_token().delivery(delivery))
    }};
    ($events:expr) => {
        replying_bot!(@ $events, Webhook::without_secret_token().without_delivery())
    };
}

/// The texts of the replies that were sent.
fn replies(telegram: &PolledTelegram) -> Vec<String> {
    let state = telegram.state();
    let texts = state.arguments.iter().map(|call| &call["text"]);
    texts
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

/// That its update is fetched again says nothing about the reply, unlike with a webhook, whose response had it.
#[tokio::test(start_paused = true)]
async fn h5_a_reply_is_not_sent_again_for_an_update_that_a_store_remembers() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "600");
    telegram.message(2, "0");
    let store = Arc::new(MemoryStore::new());
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling.clone(), replying_bot!(events, Arc::clone(&store)));
    until(|| replies(&telegram) == ["2"], "it is sent").await;
    running.kill().await;
    let running = Running::start(polling, replying_bot!(events, store));
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    running.stop().await;
    assert_eq!(events.count("ends 2"), 1);
    // The other was cut off before it had one.
    assert_eq!(replies(&telegram), ["2", "1"], "{events:?}");
}

/// The process ended between the handler's end and the reply, so that the handler runs again.
#[tokio::test(start_paused = true)]
async fn h5_an_update_whose_reply_a_crash_kept_from_being_sent_is_handled_again() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    let place = SharedLeased::default();
    telegram.state().holds_others = true;
    for chat in 1..=3 {
        telegram.message(chat, "0");
    }
    for life in 1..=3 {
        let store = MortalStore::new(place.store());
        let polling = Polling::new(telegram.client());
        let running = Running::start(polling, replying_bot!(events, store.clone()));
        for update_id in 1..=3 {
            events.until_count(&format!("ends {update_id}"), life).await;
        }
        // Its claim is renewed, and ends after its process.
        sleep(SECOND * 20).await;
        assert_eq!(
            telegram.pending(),
            [1, 2, 3],
            "without its reply, none is done"
        );
        store.die();
        running.kill().await;
        sleep(SECOND * 10).await;
    }
    telegram.state().holds_others = false;
    let store = MortalStore::new(place.store());
    let running = Running::start(
        Polling::new(telegram.client()),
        replying_bot!(events, store),
    );
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    running.stop().await;
    let mut sent = replies(&telegram);
    sent.sort();
    assert_eq!(sent, ["1", "2", "3"]);
    assert_eq!(events.names().len(), 12, "{events:?}");
}

/// A rolling restart: the old process still sends its reply while the new one fetches the update.
#[tokio::test(start_paused = true)]
async fn h5_an_update_whose_reply_is_being_sent_is_left_alone_by_another_process() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    let place = SharedLeased::default();
    // A cut-off attempt isn't counted: there would be no other.
    let polling = || {
        let polling = Polling::new(telegram.client()).max_attempts(1);
        polling.shutdown_timeout(SECOND * 30)
    };
    telegram.state().holds_others = true;
    telegram.message(1, "0");
    let old = replying_bot!(events, MortalStore::new(place.store()));
    let mut old = Running::start(polling(), old);
    events.until("ends 1").await;
    old.tell();
    sleep(SECOND).await;
    telegram.state().holds_others = false;
    let new = replying_bot!(events, MortalStore::new(place.store()));
    let new = Running::start(polling(), new);
    // More than two leases.
    sleep(SECOND * 20).await;
    assert_eq!(replies(&telegram), [""; 0], "the old process sends it");
    assert_eq!(telegram.pending(), [1]);
    // Cut off, it gives the update back.
    old.end().await.expect("no error");
    until(|| telegram.pending().is_empty(), "it is confirmed").await;
    new.stop().await;
    assert_eq!(replies(&telegram), ["1"]);
    assert_eq!(events.count("ends 1"), 2);
}

/// It was carried out, and a shutdown didn't wait for its response: another process must not send it too.
#[tokio::test(start_paused = true)]
async fn h5_a_reply_that_telegram_has_when_a_shutdown_cuts_it_off_is_not_sent_again() {
    for has_store in [true, false] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        let store = Arc::new(MemoryStore::new());
        for chat in 1..=3 {
            telegram.message(chat, "0");
            let late = Mishap::Late(SECOND * 60);
            telegram.state().other_mishaps.push_back(late);
        }
        // Its handler is cut off.
        telegram.message(4, "600");
        telegram.message(5, "0");
        let start = || {
            let polling = Polling::new(telegram.client()).shutdown_timeout(SECOND * 3);
            if has_store {
                Running::start(polling, replying_bot!(events, Arc::clone(&store)))
            } else {
                Running::start(polling, replying_bot!(events))
            }
        };
        let mut first = start();
        until(|| replies(&telegram).len() == 4, "all are carried out").await;
        first.tell();
        let began = Instant::now();
        first.end().await.expect("no error");
        assert!(began.elapsed() < SECOND * 5, "{:?}", began.elapsed());
        // Telegram confirms by order alone.
        assert_eq!(telegram.pending(), [4, 5]);
        let second = start();
        until(|| telegram.pending().is_empty(), "all are confirmed").await;
        second.stop().await;
        for update_id in 1..=3 {
            assert_eq!(events.count(&format!("ends {update_id}")), 1, "{events:?}");
        }
        let mut sent = replies(&telegram);
        sent.sort();
        let expected: &[_] = if has_store {
            &["1", "2", "3", "4", "5"]
        } else {
            // Without a store the next process handles it again.
            &["1", "2", "3", "4", "5", "5"]
        };
        assert_eq!(sent, expected);
    }
}

/// A reply that waits, for its turn in a limit for example, is sent by the next process.
#[tokio::test(start_paused = true)]
async fn h5_a_reply_that_was_not_written_when_a_shutdown_cut_it_off_is_sent_later() {
    const FLOOD: &str = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 9","parameters":{"retry_after":9}}"#;
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    let flood = Mishap::Answer(429, FLOOD);
    telegram.state().other_mishaps.push_back(flood);
    telegram.message(1, "0");
    let store = Arc::new(MemoryStore::new());
    // The pause is inside the client, which doesn't know of the shutdown.
    let client = Client::from_service(RetryLayer::new().layer(telegram.client()));
    let polling = Polling::new(client).shutdown_timeout(SECOND * 3);
    let mut first = Running::start(polling.clone(), replying_bot!(events, Arc::clone(&store)));
    events.until("ends 1").await;
    sleep(SECOND).await;
    first.tell();
    first.end().await.expect("no error");
    assert_eq!((replies(&telegram).len(), telegram.pending()), (0, vec![1]));
    let second = Running::start(polling, replying_bot!(events, store));
    until(|| telegram.pending().is_empty(), "it is confirmed").await;
    second.stop().await;
    assert_eq!(replies(&telegram), ["1"]);
    assert_eq!(events.count("ends 1"), 2);
}

/// A shutdown doesn't wait for the time at which a reply may be sent again. The update was handled, so it is done.
#[tokio::test(start_paused = true)]
async fn h5_a_shutdown_ends_the_pause_before_a_reply_is_sent_again() {
    const FLOOD: &str = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 15","parameters":{"retry_after":15}}"#;
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram
        .state()
        .other_mishaps
        .push_back(Mishap::Answer(429, FLOOD));
    telegram.message(1, "0");
    let service = replying_bot!(events, MemoryStore::new());
    let mut running = Running::start(Polling::new(telegram.client()), service);
    events.until("ends 1").await;
    sleep(SECOND).await;
    assert_eq!(telegram.pending(), [1]);
    let began = Instant::now();
    running.tell();
    running.end().await.expect("no error");
    assert!(began.elapsed() < SECOND * 5, "{:?}", began.elapsed());
    assert!(telegram.pending().is_empty(), "it is done");
    assert_eq!(replies(&telegram), [""; 0], "its reply is lost");
    assert_eq!(events.count("ends 1"), 1);
}

/// Otherwise the chats that are over a limit would hold up all others.
#[tokio::test(start_paused = true)]
async fn h5_a_reply_that_is_over_a_limit_for_long_holds_up_other_chats_for_seconds() {
    const FLOOD: &str = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 300","parameters":{"retry_after":300}}"#;
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    for chat in 1..=3 {
        telegram.message(chat, "0");
        let flood = Mishap::Answer(429, FLOOD);
        telegram.state().other_mishaps.push_back(flood);
    }
    telegram.message(4, "0");
    let service = replying_bot!(events, MemoryStore::new());
    let polling = Polling::new(telegram.client()).concurrency(3);
    let running = Running::start(polling, service);
    let began = Instant::now();
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    assert!(began.elapsed() < SECOND * 30, "{:?}", began.elapsed());
    assert_eq!(replies(&telegram), ["4"], "{events:?}");
    running.stop().await;
}

/// A store in memory ends with its process, so that the handler runs again.
#[tokio::test(start_paused = true)]
async fn h5_without_a_store_that_outlives_the_process_a_crash_before_the_reply_repeats_the_handler()
{
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.state().holds_others = true;
    telegram.message(1, "0");
    for life in 1..=2 {
        let service = replying_bot!(events, MemoryStore::new());
        let running = Running::start(Polling::new(telegram.client()), service);
        events.until_count("ends 1", life).await;
        sleep(SECOND * 5).await;
        assert_eq!(telegram.pending(), [1]);
        running.kill().await;
    }
    telegram.state().holds_others = false;
    let service = replying_bot!(events, MemoryStore::new());
    let running = Running::start(Polling::new(telegram.client()), service);
    until(|| telegram.pending().is_empty(), "it is confirmed").await;
    running.stop().await;
    assert_eq!(events.count("ends 1"), 3);
    assert_eq!(replies(&telegram), ["1"]);
}

/// Telegram was away for a while when the reply was to be sent, and the reply was lost.
#[tokio::test(start_paused = true)]
async fn h5_a_reply_that_telegram_cant_have_received_is_sent_again_and_confirmed_after_it() {
    const FLOOD: &str = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 8","parameters":{"retry_after":8}}"#;
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.state().other_mishaps.extend([
        Mishap::Unsent,
        Mishap::Answer(429, FLOOD),
        Mishap::Answer(429, "<html>busy</html>"),
    ]);
    telegram.message(1, "0");
    let service = replying_bot!(events, MemoryStore::new());
    let running = Running::start(Polling::new(telegram.client()), service);
    sleep(SECOND * 8).await;
    assert_eq!(telegram.pending(), [1]);
    until(|| telegram.pending().is_empty(), "it is confirmed").await;
    assert_eq!(replies(&telegram), ["1"]);
    assert_eq!(events.count("ends 1"), 1);
    running.stop().await;
}

/// It may have been carried out, or never will be: the update is done.
#[tokio::test(start_paused = true)]
async fn h5_a_reply_that_was_refused_or_may_have_arrived_is_not_sent_again() {
    const BLOCKED: &str =
        r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#;
    for (mishap, carried_out) in [
        (Mishap::Lost, 1),
        (Mishap::Answer(403, BLOCKED), 0),
        (Mishap::Answer(403, "<html>"), 0),
        (Mishap::Answer(502, "<html>"), 0),
    ] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        telegram.state().other_mishaps.push_back(mishap);
        telegram.message(1, "0");
        let store = Arc::new(MemoryStore::new());
        for _ in 0..2 {
            let service = replying_bot!(events, Arc::clone(&store));
            let running = Running::start(Polling::new(telegram.client()), service);
            until(|| telegram.pending().is_empty(), "it is confirmed").await;
            running.stop().await;
        }
        assert_eq!(replies(&telegram).len(), carried_out);
        assert_eq!(events.count("ends 1"), 1);
    }
}
