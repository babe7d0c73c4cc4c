//! A polling bot whose store is in Redis, killed and started again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::{sleep, timeout};
use tower_telegram::{
    Reply,
    methods::{SendDocument, SendMessage},
    polling::Polling,
    types::{InputFile, Update},
    webhook::{DeliveryLayer, Webhook},
};

use super::server::{RedisServer, SECOND};
use crate::support::get_updates::PolledTelegram;

async fn until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(20 * SECOND, met)
        .await
        .expect("the condition is met");
}

/// A polled update is recorded as handled once its reply was sent, so its handler runs again after a crash before that.
#[tokio::test]
async fn h5_a_crash_before_the_reply_has_the_next_process_handle_the_update_again() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let telegram = PolledTelegram::default();
    let calls = Arc::new(AtomicU32::new(0));
    let start = || {
        let calls = Arc::clone(&calls);
        let store = server.store().lease(Duration::from_secs(1));
        let webhook = Webhook::without_secret_token()
            .delivery(DeliveryLayer::with_store(store))
            .handler(move |update: Update| {
                calls.fetch_add(1, Ordering::Relaxed);
                async move {
                    match update.update_id {
                        1 => Reply::from(SendMessage::new(1, "x")),
                        _ => SendDocument::new(2, InputFile::bytes("a.txt", "content")).into(),
                    }
                }
            });
        let polling = Polling::new(telegram.client());
        tokio::spawn(async move { polling.run(webhook.into_updates()).await })
    };
    telegram.state().holds_others = true;
    telegram.message(1, "a");
    telegram.message(2, "b");
    let killed = start();
    until(|| calls.load(Ordering::Relaxed) == 2).await;
    killed.abort();
    assert!(killed.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(telegram.pending(), [1, 2]);

    telegram.state().holds_others = false;
    let running = start();
    until(|| telegram.pending().is_empty()).await;
    let mut sent = telegram.state().others.clone();
    sent.sort();
    assert_eq!(sent, ["sendDocument", "sendMessage"]);
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    let kept: Vec<String> = server.ask(&["KEYS", "*:reply"]).await;
    assert_eq!(kept, [""; 0], "a polled reply isn't kept");
    running.abort();
}
