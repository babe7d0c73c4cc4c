//! Shutdown, crashes and restarts with updates in hand.

use std::time::Duration;

use tokio::time::sleep;
use tower_telegram::{
    polling::Polling,
    types::Update,
    webhook::{DeliveryLayer, Webhook, delivery::MemoryStore},
};

use super::support::{Events, Running, text_of, until};
use crate::support::get_updates::{Mishap, PolledTelegram};

const SECOND: Duration = Duration::from_secs(1);

/// Each handler takes as many seconds as its text says.
macro_rules! bot {
    ($events:expr, $webhook:expr) => {{
        let events = $events.clone();
        let webhook = $webhook.handler(move |update: Update| {
            let events = events.clone();
            async move {
                events.add(format!("begins {}", update.update_id));
                sleep(SECOND * text_of(&update).parse().unwrap_or(0)).await;
                events.add(format!("ends {}", update.update_id));
            }
        });
        webhook.into_updates()
    }};
}

#[tokio::test(start_paused = true)]
async fn h5_shutdown_drains_what_runs_and_confirms_what_has_ended() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    for (chat, seconds) in [(1, "3"), (2, "5"), (1, "0"), (2, "0")] {
        telegram.message(chat, seconds);
    }
    let polling = Polling::new(telegram.client());
    let webhook = Webhook::without_secret_token();
    let mut running = Running::start(polling, bot!(events, webhook));
    events.until("begins 2").await;
    running.tell();
    running.end().await.expect("no error");
    assert_eq!(events.names(), ["begins 1", "begins 2", "ends 1", "ends 2"]);
    assert_eq!(telegram.pending(), [3, 4]);
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
    let mut running = Running::start(polling, bot!(events, webhook));
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
    let mut running = Running::start(polling, bot!(events, webhook));
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
    let mut running = Running::start(polling, bot!(events, webhook));
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
    let store = std::sync::Arc::new(MemoryStore::new());
    let webhook = || {
        let delivery = DeliveryLayer::with_store(std::sync::Arc::clone(&store));
        Webhook::without_secret_token().delivery(delivery)
    };
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling.clone(), bot!(events, webhook()));
    events.until("ends 3").await;
    running.kill().await;
    assert_eq!(telegram.pending(), [1, 2, 3, 4], "nothing was confirmed");
    let running = Running::start(polling, bot!(events, webhook()));
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
    let service = bot!(events, Webhook::without_secret_token());
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
    use crate::{
        delivery::stores::Place as _,
        simulation::{leased::SharedLeased, mortal::MortalStore},
    };

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
        let running = Running::start(polling, bot!(events, webhook));
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
        .on_failed(move |update| log.add(format!("abandoned {}", update.update_id())));
    let running = Running::start(polling, bot!(events, webhook));
    events.until("ends 2").await;
    assert_eq!(events.count("begins 1"), 3);
    assert_eq!(events.count("abandoned 1"), 1);
    running.stop().await;
}

/// That its update is fetched again says nothing about the reply, unlike with a webhook, whose response had it.
#[tokio::test(start_paused = true)]
async fn h5_a_reply_is_not_sent_again_for_an_update_that_a_store_remembers() {
    use tower_telegram::methods::SendMessage;

    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "600");
    telegram.message(2, "0");
    let store = std::sync::Arc::new(MemoryStore::new());
    let service = || {
        let (events, store) = (events.clone(), std::sync::Arc::clone(&store));
        let delivery = DeliveryLayer::with_store(store);
        let webhook = Webhook::without_secret_token().delivery(delivery);
        let webhook = webhook.handler(move |update: Update| {
            let events = events.clone();
            async move {
                sleep(SECOND * text_of(&update).parse().unwrap_or(0)).await;
                events.add(format!("ends {}", update.update_id));
                SendMessage::new(7, "x")
            }
        });
        webhook.into_updates()
    };
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling.clone(), service());
    until(|| telegram.state().others.len() == 1, "it is sent").await;
    running.kill().await;
    let running = Running::start(polling, service());
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    running.stop().await;
    assert_eq!(events.count("ends 2"), 1);
    // The other was cut off before it had one.
    assert_eq!(telegram.state().others.len(), 2, "{events:?}");
}
