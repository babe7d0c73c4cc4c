//! Elements and responses that are no updates, from Telegram or a program in between.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use tower_telegram::polling::Polling;

use super::support::{Events, Running, text_recorder, until};
use crate::support::get_updates::{Mishap, PolledTelegram};

const SECOND: Duration = Duration::from_secs(1);

/// Each is update 2, between two that can be read.
const BROKEN: &[(&str, &[u8], Option<i64>)] = &[
    ("no payload", br#"{"update_id":2}"#, Some(2)),
    (
        "no payload but null",
        br#"{"update_id":2,"message":null,}"#,
        Some(2),
    ),
    (
        "half a surrogate pair",
        br#"{"update_id":2,"message":{"chat":{"id":7},"text":"a\ud83d"}}"#,
        Some(2),
    ),
    (
        "not UTF-8",
        b"{\"update_id\":2,\n\"message\":{\"chat\":{\"id\":7},\"text\":\"\xff\xfe\"}}",
        Some(2),
    ),
    (
        "not JSON",
        br#"{"update_id":2,"message":{"text":tru}}"#,
        Some(2),
    ),
    (
        "a bracket of another kind",
        br#"{"update_id":2,"message":{"text":"x"]}"#,
        Some(2),
    ),
    (
        "a bracket too few",
        br#"{"update_id":2,"message":{"text":"x"}"#,
        Some(2),
    ),
    (
        "a string without an end",
        br#"{"update_id":2,"message":{"text":"x}}"#,
        Some(2),
    ),
    (
        "the number last",
        br#"{"message":{"text":"a\ud83d"},"update_id":2}"#,
        Some(2),
    ),
    ("no number", br#"{"message":{"text":"x"}}"#, None),
    (
        "a number below 0",
        br#"{"update_id":-2,"message":{"text":"x"}}"#,
        None,
    ),
    (
        "a number out of order",
        br#"{"update_id":900,"message":tru}"#,
        None,
    ),
    ("a text", br#""update""#, None),
    ("null", b"null", None),
    ("a word", b"nonsense", None),
];

#[tokio::test(start_paused = true)]
async fn h3_an_element_that_cannot_be_read_costs_itself() {
    for (what, element, id) in BROKEN {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        telegram.message(1, "before");
        telegram.push(Bytes::from_static(element));
        telegram.message(1, "after");
        let log = events.clone();
        let polling = Polling::new(telegram.client()).on_unreadable(move |unreadable| {
            let intact = unreadable
                .bytes
                .windows(8)
                .any(|part| element.starts_with(part))
                || unreadable.bytes.len() < 8;
            log.add(format!("unreadable {:?} {intact}", unreadable.update_id));
        });
        let running = Running::start(polling, text_recorder(&events));
        until(|| telegram.pending().is_empty(), what).await;
        let mut names = events.names();
        names.sort_unstable();
        let told = format!("unreadable {id:?} true");
        assert_eq!(names, ["after", "before", &told], "{what}");
        running.stop().await;
    }
}

/// Other programs' servers write the envelope in another order, and with members of their own.
#[tokio::test(start_paused = true)]
async fn h3_an_element_that_cannot_be_read_costs_itself_wherever_the_result_stands() {
    let good = r#"{"update_id":3,"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"good"}}"#;
    for (what, before, behind) in [
        ("as Telegram's", r#"{"ok":true,"result":"#, "}"),
        ("result first", r#"{"result":"#, r#","ok":true}"#),
        ("members before", r#"{"time":[1],"ok":true,"result":"#, "}"),
        (
            "members behind",
            r#"{"ok":true,"result":"#,
            r#","took":{"ms":[1]}}"#,
        ),
        (
            "a description behind",
            r#"{"result":"#,
            r#","description":"]","ok":true}"#,
        ),
    ] {
        for broken in [r#""a\ud83d""#, "tru", "{]}"] {
            let (telegram, events) = (PolledTelegram::default(), Events::new());
            telegram.state().begin_at(4);
            let body = format!(
                r#"{before}[{{"update_id":2,"message":{{"text":{broken}}}}},{good}]{behind}"#
            );
            if broken == "{]}" && what == "members behind" {
                // Its brackets can't tell where the array ends.
                continue;
            }
            let answer = Mishap::Answer(200, body.leak());
            telegram.state().mishaps.push_back(answer);
            let log = events.clone();
            let polling = Polling::new(telegram.client())
                .on_unreadable(move |unreadable| log.add(format!("{:?}", unreadable.update_id)));
            let running = Running::start(polling, text_recorder(&events));
            events.until("good").await;
            assert_eq!(events.count("Some(2)"), 1, "{what}, {broken}: {events:?}");
            running.stop().await;
            let offset = telegram.state().calls.last().map(|call| call.offset);
            assert_eq!(offset, Some(4), "{what}, {broken}: both are confirmed");
        }
    }
}

/// A restart must not meet it again.
#[tokio::test(start_paused = true)]
async fn h3_an_element_that_cannot_be_read_is_confirmed_when_it_is_alone() {
    for (what, element, id) in BROKEN {
        let (Some(_), false) = (id, *what == "a bracket too few") else {
            continue;
        };
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        telegram.message(1, "before");
        telegram.push(Bytes::from_static(element));
        let running = Running::start(Polling::new(telegram.client()), text_recorder(&events));
        until(|| telegram.pending().is_empty(), what).await;
        telegram.message(1, "after");
        until(|| telegram.pending().is_empty(), what).await;
        assert_eq!(events.names(), ["before", "after"], "{what}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn h3_an_element_that_cannot_be_confirmed_is_reported_once_and_fetched_at_a_pace() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.push(&b"{\"message\":{}}"[..]);
    telegram.push(&b"nonsense"[..]);
    let log = events.clone();
    let polling = Polling::new(telegram.client()).on_unreadable(move |_| log.add("unreadable"));
    let running = Running::start(polling, text_recorder(&events));
    sleep(SECOND * 60).await;
    let calls = telegram.state().calls.len();
    assert!((2..40).contains(&calls), "{calls} calls in a minute");
    assert_eq!(events.count("unreadable"), 2, "each once");
    let id = telegram.message(1, "good");
    events.until("good").await;
    until(|| telegram.pending().is_empty(), "its number confirms them").await;
    assert_eq!(events.count("good"), 1, "{id}");
    running.stop().await;
}

/// Whatever is asked for, it answers the same: a stub, or a cache in between.
#[tokio::test(start_paused = true)]
async fn h3_a_server_that_confirms_nothing_is_not_asked_in_a_hot_loop() {
    for body in [
        r#"{"ok":true,"result":[{"update_id":5}]}"#,
        r#"{"ok":true,"result":[{"update_id":5,"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"x"}}]}"#,
        r#"{"ok":true,"result":[]}"#,
        r#"{"ok":true,"result":{}}"#,
        r#"{"ok":true,"result":[nonsense"#,
        r#"{"ok":true}"#,
        "<html>",
        "",
    ] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        let same = std::iter::repeat_n(Mishap::Answer(200, body), 10_000);
        telegram.state().mishaps.extend(same);
        telegram.state().begin_at(6);
        let log = events.clone();
        let polling = Polling::new(telegram.client()).on_unreadable(move |_| log.add("unreadable"));
        let running = Running::start(polling, text_recorder(&events));
        sleep(SECOND * 60).await;
        let calls = 10_000 - telegram.state().mishaps.len();
        assert!(
            (2..120).contains(&calls),
            "{calls} calls in a minute: {body}"
        );
        assert!(events.names().len() <= 1, "{body}: {events:?}");
        telegram.state().mishaps.clear();
        telegram.message(1, "good");
        events.until("good").await;
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn h3_a_hook_that_panics_ends_nothing() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.push(&b"{\"update_id\":1}"[..]);
    telegram.message(1, "good");
    let polling = Polling::new(telegram.client())
        .on_unreadable(|_| std::panic::resume_unwind(Box::new("it panics")));
    let running = Running::start(polling, text_recorder(&events));
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    assert_eq!(events.names(), ["good"]);
    running.stop().await;
}
