//! Spans of an update over replicas that share a store on Redis.

use http::StatusCode;
use tower::ServiceExt as _;
use tower_telegram::{
    methods::SendMessage,
    types::Update,
    webhook::{DeliveryLayer, Webhook},
};

use super::support::message;
use crate::{replicas::server::RedisServer, support::recorder::Recorder};

/// Each replica has a store of its own over the same Redis.
#[tokio::test]
async fn l4_attempts_on_several_replicas_are_numbered_one_after_the_other() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (recorder, _guard) = Recorder::start();
    let replica = |fails: bool| {
        let delivery = DeliveryLayer::with_store(server.store()).max_attempts(3);
        let webhook = Webhook::without_secret_token().delivery(delivery);
        let bot = webhook.handler(move |_: Update| async move {
            if fails {
                return Err("it fails");
            }
            Ok(SendMessage::new(7, "hello"))
        });
        bot.into_updates()
    };
    let (first, second) = (replica(true), replica(false));
    for (replica, status) in [
        (&first, StatusCode::INTERNAL_SERVER_ERROR),
        (&second, StatusCode::OK),
        // Done on the second replica, so that the first makes no attempt.
        (&first, StatusCode::OK),
    ] {
        let response = replica.clone().oneshot(message(5, 7)).await.unwrap();
        assert_eq!(response.status(), status);
    }
    let updates = recorder.updates();
    let attempts: Vec<_> = updates
        .iter()
        .map(|span| {
            let id = span.get("messaging.message.id");
            let attempt = span.get("telegram.update.attempt");
            format!("{id} {attempt} {}", span.get("telegram.update.outcome"))
        })
        .collect();
    assert_eq!(attempts, ["5 1 failed", "5 2 done"]);
}
