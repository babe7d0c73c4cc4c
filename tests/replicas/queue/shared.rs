//! One handler for webhooks and workers, and one queue for several bots.

use std::{
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{Request, StatusCode};
use http_body_util::Full;
use tower::{BoxError, ServiceExt as _};
use tower_telegram::{
    methods::SendMessage,
    types::Update,
    webhook::{BotId, SequenceLayer, Webhook},
};

use super::support::{
    Asked, AttemptLog, Calls, bot_of, done, fill, message, nothing, queue, replied, serve,
    start_with, status, until_empty,
};
use crate::replicas::server::RedisServer;

#[tokio::test]
async fn the_webhooks_own_handler_serves_the_queue_and_its_reply_is_called() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log, calls) = (queue(&server), AttemptLog::default(), Calls::default());
    let broken = Arc::new(AtomicBool::new(true));
    let (seen, is_broken) = (log.clone(), broken.clone());
    let webhook = Webhook::without_secret_token()
        .sequence(SequenceLayer::new())
        .handler(move |update: Update| {
            let id = update.update_id;
            seen.begin(id);
            let is_broken = id == 2 && is_broken.load(Ordering::Relaxed);
            if !is_broken {
                seen.succeed(id);
            }
            let broken = || BoxError::from("broken");
            let done = || SendMessage::new(7, "done");
            ready((!is_broken).then(done).ok_or_else(broken))
        });

    // As a webhook.
    let request = Request::post("/").header("content-type", "application/json");
    let body = Full::new(message(1, 7).bytes().clone());
    let answer = webhook.clone().oneshot(request.body(body).unwrap()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.body().reply().method(), Some("sendMessage"));
    assert_eq!(calls.methods(), [""; 0]);

    // As a worker.
    let worker = queue.worker(calls.client()).max_attempts(1);
    let running = serve(|| worker, webhook.into_updates());
    fill(&queue, [message(1, 7), message(2, 7), message(3, 7)]).await;
    log.until_succeeded(3).await;
    until_empty(&queue).await;
    assert_eq!(log.succeeded(), [1, 1, 3], "the queue says what is once");
    assert_eq!(calls.methods(), ["sendMessage", "sendMessage"]);

    // The queue has the dead letter, and not the webhook.
    let letters = queue.dead_letters(None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].failure.contains("broken"), "{letters:?}");
    broken.store(false, Ordering::Relaxed);
    queue.requeue(&letters[0]).await.unwrap();
    log.until_succeeded(4).await;
    running.stop().await;
    assert_eq!(log.succeeded(), [1, 1, 3, 2]);
}

#[tokio::test]
async fn bots_that_share_a_queue_have_their_own_updates_chats_and_clients() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, calls) = (queue(&server), [Calls::default(), Calls::default()]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let seen = seen.clone();
        move |asked: Asked| {
            let seen = seen.clone();
            async move {
                let bot = bot_of(&asked);
                seen.lock().unwrap().push((bot, asked.body().update_id()));
                let reply = match bot {
                    5 => tower_telegram::Reply::raw("sendDice", &serde_json::json!({}))?,
                    _ => nothing(),
                };
                Ok(replied(reply).await)
            }
        }
    };
    for id in 1..=3 {
        for bot in [5, 6] {
            queue
                .enqueue(Some(BotId(bot)), &message(id, 7))
                .await
                .unwrap();
        }
    }
    assert_eq!(status(&queue).await.updates, 6);
    let of_5 = calls[1].client();
    let worker = queue
        .worker(calls[0].client())
        .client_of(move |BotId(bot)| (bot == 5).then(|| of_5.clone()));
    let running = start_with(|| worker, handler);
    until_empty(&queue).await;
    running.stop().await;
    let seen = seen.lock().unwrap();
    for bot in [5, 6] {
        let ids = seen.iter().filter(|(of, _)| *of == bot).map(|(_, id)| *id);
        assert_eq!(ids.collect::<Vec<_>>(), [1, 2, 3], "bot {bot}");
    }
    assert_eq!(calls[0].methods(), [""; 0]);
    assert_eq!(calls[1].methods(), ["sendDice"; 3]);
}

#[tokio::test]
async fn queues_of_other_names_share_nothing() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let one = queue(&server);
    let other = tower_telegram::redis::RedisQueue::new(server.connection(), "other");
    fill(&one, [message(1, 7)]).await;
    assert_eq!(status(&other).await.updates, 0);
    fill(&other.clone().partitions(2), [message(1, 7), message(2, 7)]).await;
    assert_eq!(status(&one).await.updates, 1);
    let running = start_with(
        || one.worker(Calls::default().client()),
        async |_| Ok(done()),
    );
    until_empty(&one).await;
    running.stop().await;
    assert_eq!(status(&other.partitions(2)).await.updates, 2);
}
