//! Pages of servers other than Telegram's: in another order, with numbers twice, or no pages at all.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::time::sleep;
use tower::service_fn;
use tower_telegram::{
    Client,
    client::{ApiRequest, ApiResponse},
    polling::Polling,
    webhook::Webhook,
};

use super::support::{Events, Running, slow_bot, until};
use crate::support::get_updates::{Mishap, PolledTelegram};

const SECOND: Duration = Duration::from_secs(1);

/// A server that confirms as Telegram does, and returns updates in an order of its own.
#[derive(Clone, Default)]
struct OtherServer {
    updates: Arc<Mutex<Vec<(i64, String)>>>,
    calls: Arc<Mutex<usize>>,
}

impl OtherServer {
    fn push(&self, id: i64, chat: i64, text: &str) {
        let update = format!(
            r#"{{"update_id":{id},"message":{{"message_id":1,"date":1,"chat":{{"id":{chat},"type":"private"}},"text":"{text}"}}}}"#
        );
        self.updates.lock().expect("no panic").push((id, update));
    }

    fn pending(&self) -> Vec<i64> {
        let updates = self.updates.lock().expect("no panic");
        let mut ids: Vec<_> = updates.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn client(&self) -> Client {
        let server = self.clone();
        Client::from_service(service_fn(move |call: ApiRequest| {
            *server.calls.lock().expect("no panic") += 1;
            let arguments: Value = serde_json::from_slice(call.json()).expect("JSON");
            let offset = arguments["offset"].as_i64().unwrap_or(0);
            let mut updates = server.updates.lock().expect("no panic");
            updates.retain(|(id, _)| *id >= offset);
            let all: Vec<_> = updates.iter().map(|(_, update)| update.as_str()).collect();
            let page = format!("[{}]", all.join(","));
            let wait = if all.is_empty() {
                SECOND
            } else {
                Duration::ZERO
            };
            async move {
                sleep(wait).await;
                Ok::<_, Infallible>(ApiResponse::new(page))
            }
        }))
    }
}

/// The largest number of the page was confirmed while smaller ones were open.
#[tokio::test(start_paused = true)]
async fn h5_updates_in_another_order_are_confirmed_by_the_oldest_that_is_open() {
    for order in [[3, 2, 1], [2, 3, 1], [1, 3, 2], [3, 1, 2]] {
        let (server, events) = (OtherServer::default(), Events::new());
        for id in order {
            server.push(id, id, if id == 1 { "60" } else { "0" });
        }
        let running = Running::start(
            Polling::new(server.client()),
            slow_bot(Webhook::without_secret_token(), &events),
        );
        events.until("ends 2").await;
        sleep(SECOND * 20).await;
        assert_eq!(server.pending(), [1, 2, 3], "1 is open: {order:?}");
        until(|| server.pending().is_empty(), "all are confirmed").await;
        for id in 1..=3 {
            assert_eq!(events.count(&format!("ends {id}")), 1, "{order:?}");
        }
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn h5_a_chats_updates_are_handled_in_the_order_of_their_numbers() {
    let (server, events) = (OtherServer::default(), Events::new());
    for id in [4, 2, 3, 1] {
        server.push(id, 7, "1");
    }
    let running = Running::start(
        Polling::new(server.client()),
        slow_bot(Webhook::without_secret_token(), &events),
    );
    events.until("ends 4").await;
    let begun: Vec<_> = events
        .names()
        .into_iter()
        .filter(|name| name.starts_with("begins"))
        .collect();
    assert_eq!(begun, ["begins 1", "begins 2", "begins 3", "begins 4"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn h3_a_number_that_comes_twice_is_handled_once() {
    let (server, events) = (OtherServer::default(), Events::new());
    for id in [1, 1, 2, 1, 2] {
        server.push(id, id, "5");
    }
    let running = Running::start(
        Polling::new(server.client()),
        slow_bot(Webhook::without_secret_token(), &events),
    );
    until(|| server.pending().is_empty(), "both are confirmed").await;
    assert_eq!(events.count("begins 1"), 1);
    assert_eq!(events.count("begins 2"), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn h3_numbers_of_any_size_are_confirmed() {
    let numbers = [
        0,
        1,
        i64::from(i32::MAX),
        i64::from(i32::MAX) + 1,
        (1 << 53) + 1,
        i64::MAX - 1,
    ];
    for id in numbers {
        let (server, events) = (OtherServer::default(), Events::new());
        server.push(id, 1, "0");
        let running = Running::start(
            Polling::new(server.client()),
            slow_bot(Webhook::without_secret_token(), &events),
        );
        until(|| server.pending().is_empty(), &id.to_string()).await;
        assert_eq!(events.count(&format!("ends {id}")), 1);
        running.stop().await;
    }
}

/// A result that is no list says nothing about the bot: it is waited out.
#[tokio::test(start_paused = true)]
async fn h4_a_result_of_another_type_is_waited_out() {
    for body in [
        r#"{"ok":true,"result":{}}"#,
        r#"{"ok":true,"result":null}"#,
        r#"{"ok":true,"result":true}"#,
        r#"{"ok":true,"result":7}"#,
        r#"{"ok":true,"result":"[]"}"#,
        r#"{"ok":true,"result":{"update_id":1}}"#,
        r#"{"ok":true}"#,
        r#"{"ok":true,"result":[}"#,
        r#"{"ok":null,"result":{}}"#,
        r#"{"ok":false}"#,
        r#"{"ok":false,"error_code":500,"description":"Internal Server Error"}"#,
        r#"{"ok":false,"error_code":503,"description":null}"#,
        r#"{"ok":false,"error_code":429}"#,
        "{",
        "\u{feff}[]",
    ] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        let mishaps = [Mishap::Answer(200, body), Mishap::Answer(200, body)];
        telegram.state().mishaps.extend(mishaps);
        telegram.message(1, "0");
        let running = Running::start(
            Polling::new(telegram.client()),
            slow_bot(Webhook::without_secret_token(), &events),
        );
        until(
            || telegram.pending().is_empty() || running.is_finished(),
            body,
        )
        .await;
        assert!(!running.is_finished(), "{body}");
        assert_eq!(events.count("ends 1"), 1, "{body}");
        running.stop().await;
    }
}

/// Elements of every other type, alone and among updates.
#[tokio::test(start_paused = true)]
async fn h3_elements_of_other_types_cost_themselves() {
    for element in [
        "null",
        "7",
        "-0",
        "1e400",
        "true",
        "\"\"",
        "\"{\\\"update_id\\\":2}\"",
        "[]",
        "[{\"update_id\":2,\"message\":{}}]",
        "{}",
        "{\"update_id\":null,\"message\":{}}",
        "{\"update_id\":\"2\",\"message\":{}}",
        "{\"update_id\":2.0,\"message\":{}}",
        "{\"update_id\":-1,\"message\":{}}",
        "{\"update_id\":9223372036854775808,\"message\":{}}",
        "{\"update_id\":2,\"update_id\":2,\"message\":{}}",
        "{\"update_id\":2,\"message\":{},\"message\":{}}",
        "{\"update_id\":2,\"message\":{},\"poll\":{}}",
    ] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        telegram.message(1, "0");
        telegram.push(element);
        telegram.message(2, "0");
        let reported = Arc::new(Mutex::new(0));
        let (count, failed) = (Arc::clone(&reported), Arc::clone(&reported));
        // An update that only the parser finds malformed is abandoned after one attempt.
        let polling = Polling::new(telegram.client())
            .on_unreadable(move |_| *count.lock().expect("no panic") += 1)
            .dead_letter(move |_| {
                *failed.lock().expect("no panic") += 1;
                std::future::ready(())
            });
        let running = Running::start(polling, slow_bot(Webhook::without_secret_token(), &events));
        until(|| telegram.pending().is_empty(), element).await;
        assert_eq!(events.count("ends 1"), 1, "{element}");
        assert_eq!(events.count("ends 3"), 1, "{element}");
        assert_eq!(*reported.lock().expect("no panic"), 1, "{element}");
        running.stop().await;
    }
}
