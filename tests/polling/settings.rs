//! The settings of polling.

use std::{
    future::ready,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::sleep;
use tower_telegram::{polling::Polling, types::Update, webhook::Webhook};

use super::support::{Events, Running, until};
use crate::support::get_updates::{Mishap, PolledTelegram};

const SECOND: Duration = Duration::from_secs(1);

macro_rules! bot {
    ($events:expr) => {{
        let events = $events.clone();
        let webhook = Webhook::without_secret_token().handler(move |update: Update| {
            events.add(update.update_id.to_string());
            ready(())
        });
        webhook.into_updates()
    }};
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_polling_starts_is_dropped_where_that_was_asked_for() {
    for mishap in [
        None,
        Some(Mishap::Unsent),
        Some(Mishap::Answer(502, "<html>")),
    ] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        for n in 0..250 {
            telegram.message(n, "old");
        }
        telegram.state().mishaps.extend(mishap);
        let polling = Polling::new(telegram.client()).drop_pending();
        let running = Running::start(polling, bot!(events));
        until(|| telegram.pending().is_empty(), "all are dropped").await;
        telegram.message(1, "new");
        events.until("251").await;
        assert_eq!(events.names(), ["251"]);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_to_drop_is_no_trouble() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    let polling = Polling::new(telegram.client()).drop_pending();
    let running = Running::start(polling, bot!(events));
    sleep(SECOND).await;
    telegram.message(1, "new");
    events.until("1").await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_too_old_is_confirmed_and_not_handled() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    let chat = r#""chat":{"id":1,"type":"private"}"#;
    let from = r#""from":{"id":1,"is_bot":false,"first_name":"A"}"#;
    let old = now - 100;
    for (payload, _what) in [
        (
            format!(r#""message":{{"message_id":1,"date":{old},{chat}}}"#),
            "1 is old",
        ),
        (
            format!(r#""message":{{"message_id":1,"date":{now},{chat}}}"#),
            "2 is new",
        ),
        (
            format!(r#""edited_message":{{"message_id":1,"date":{old},"edit_date":{now},{chat}}}"#),
            "3 was edited just now",
        ),
        (
            format!(r#""edited_message":{{"message_id":1,"date":1,"edit_date":{old},{chat}}}"#),
            "4 was edited long ago",
        ),
        (
            // The date is that of the message under the button.
            format!(
                r#""callback_query":{{"id":"1",{from},"chat_instance":"1","message":{{"message_id":1,"date":{old},{chat}}}}}"#
            ),
            "5 has no date",
        ),
        (
            format!(r#""my_chat_member":{{"date":{old},{chat},{from}}}"#),
            "6 is old",
        ),
        (r#""poll":{"id":"1"}"#.to_owned(), "7 has no date"),
    ] {
        let id = telegram.state().next_id();
        telegram.push(format!("{{\"update_id\":{id},\n{payload}}}"));
    }
    let polling = Polling::new(telegram.client()).max_age(SECOND * 50);
    let running = Running::start(polling, bot!(events));
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    let mut names = events.names();
    names.sort_unstable();
    assert_eq!(names, ["2", "3", "5", "7"]);
    running.stop().await;
}

/// No setting panics, stands still or runs hot.
#[tokio::test(start_paused = true)]
async fn settings_of_zero_and_of_the_most_there_is_work() {
    type Set = fn(Polling) -> Polling;
    let settings: &[(&str, Set)] = &[
        ("timeout 0", |p| p.timeout(Duration::ZERO)),
        ("timeout 1 ns", |p| p.timeout(Duration::from_nanos(1))),
        ("timeout max", |p| p.timeout(Duration::MAX)),
        ("limit 0", |p| p.limit(0)),
        ("limit 255", |p| p.limit(u8::MAX)),
        ("concurrency 0", |p| p.concurrency(0)),
        ("concurrency max", |p| p.concurrency(usize::MAX)),
        ("attempts 0", |p| p.max_attempts(0)),
        ("attempts max", |p| p.max_attempts(u32::MAX)),
        ("shutdown 0", |p| p.shutdown_timeout(Duration::ZERO)),
        ("shutdown max", |p| p.shutdown_timeout(Duration::MAX)),
        ("age max", |p| p.max_age(Duration::MAX)),
    ];
    for (what, set) in settings {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        let running = Running::start(set(Polling::new(telegram.client())), bot!(events));
        sleep(SECOND * 60).await;
        let calls = telegram.state().calls.len();
        assert!(
            (1..110).contains(&calls),
            "{what}: {calls} calls in a minute"
        );
        telegram.message(1, "x");
        events.until("1").await;
        until(|| telegram.pending().is_empty(), what).await;
        running.stop().await;
    }
}
