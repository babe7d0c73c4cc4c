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

use super::server::{SECOND, Server};
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

#[tokio::test]
async fn h5_a_reply_that_a_crash_kept_from_being_sent_is_sent_by_the_next_process() {
    let Some(server) = Server::start().await else {
        return;
    };
    let telegram = PolledTelegram::default();
    let calls = Arc::new(AtomicU32::new(0));
    let start = || {
        let calls = Arc::clone(&calls);
        let webhook = Webhook::without_secret_token()
            .delivery(DeliveryLayer::with_store(server.store()))
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
    let are_kept = async || {
        let keys: Vec<String> = server.ask(&["KEYS", "*:reply"]).await;
        keys.len()
    };
    let killed = start();
    let kept = async { while are_kept().await < 2 {} };
    timeout(20 * SECOND, kept).await.expect("both are kept");
    killed.abort();
    assert!(killed.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(telegram.pending(), [1, 2]);

    telegram.state().holds_others = false;
    let running = start();
    until(|| telegram.pending().is_empty()).await;
    let mut sent = telegram.state().others.clone();
    sent.sort();
    assert_eq!(sent, ["sendDocument", "sendMessage"]);
    assert_eq!(calls.load(Ordering::Relaxed), 2, "no handler ran again");
    assert_eq!(are_kept().await, 0, "they were sent");
    running.abort();
}
