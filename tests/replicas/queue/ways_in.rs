//! From Telegram into the queue.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::ServiceExt as _;
use tower_telegram::{
    queue::Enqueued,
    webhook::{BotId, RawUpdate, SECRET_TOKEN_HEADER, SecretToken, Webhook},
};

use super::support::{
    AttemptLog, Calls, assert_redelivered_later, deliver, deliver_until_taken, failed, fill,
    message, queue, start, start_with, status, succeeding, until_empty,
};
use crate::replicas::server::{RedisServer, SECOND};

#[tokio::test]
async fn d1_an_update_is_in_the_queue_when_it_is_acked_and_there_once() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let queue = queue(&server);
    for _ in 0..3 {
        let answer = deliver(&queue, message(1, 7)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(status(&queue).await.updates, 1);
    }
    let of_another = queue.enqueue(Some(BotId(9)), &message(1, 7)).await;
    assert_eq!(of_another.unwrap(), Enqueued::Added);
    assert_eq!(status(&queue).await.updates, 2);
}

#[tokio::test]
async fn d1_a_handled_update_is_not_queued_again() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let running = start(&server, succeeding(&log));
    fill(&queue, [message(1, 7), message(1, 7)]).await;
    until_empty(&queue).await;
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    log.until_succeeded(2).await;
    until_empty(&queue).await;
    assert_eq!(log.succeeded(), [1, 2]);
    running.stop().await;
}

#[tokio::test]
async fn d9_a_full_queue_has_updates_redelivered_later() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let queue = queue(&server).partitions(1).max_backlog(2);
    fill(&queue, [message(1, 7), message(2, 8)]).await;
    assert_redelivered_later(&deliver(&queue, message(3, 9)).await);
    assert_eq!(status(&queue).await.updates, 2);
    // It is in there already.
    fill(&queue, [message(2, 8)]).await;

    let log = AttemptLog::default();
    let worker = queue.worker(Calls::default().client());
    let running = start_with(|| worker, succeeding(&log));
    deliver_until_taken(&queue, message(3, 9)).await;
    log.until_succeeded(3).await;
    running.stop().await;
    assert_eq!(status(&queue).await.updates, 0);
}

#[tokio::test]
async fn d9_a_rush_in_one_chat_shuts_out_only_its_partition() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let queue = queue(&server).partitions(4).max_backlog(8);
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    assert_redelivered_later(&deliver(&queue, message(3, 7)).await);
    let mut others = 0;
    for chat in 100..104 {
        let answer = deliver(&queue, message(chat, chat)).await;
        others += u32::from(answer.status().is_success());
    }
    assert!(others >= 2, "{others} of 4");
}

#[tokio::test]
async fn d12_while_redis_is_down_updates_are_redelivered() {
    let Some(mut server) = RedisServer::start().await else {
        return;
    };
    let queue = queue(&server);
    fill(&queue, [message(1, 7)]).await;
    server.stop().await;
    assert_redelivered_later(&deliver(&queue, message(2, 7)).await);
    let inline = r#"{"update_id":3,"inline_query":{"from":{"id":7}}}"#;
    let short_lived = RawUpdate::from_bytes(inline.into()).unwrap();
    let answer = deliver(&queue, short_lived).await;
    assert_redelivered_later(&answer);
    let pause = answer.headers()["retry-after"].to_str().unwrap();
    assert!(
        ["1", "2", "3"].contains(&pause),
        "a tenth of its life: {pause}"
    );
    server.start_again().await;
    for id in [1, 2] {
        deliver_until_taken(&queue, message(id, 7)).await;
    }
    assert_eq!(status(&queue).await.updates, 2);
}

#[tokio::test]
async fn b5_an_update_that_no_worker_could_read_is_rejected() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let queue = queue(&server);
    let broken = r#"{"update_id":1,"message":{"chat":{"id":7}"#;
    let broken = RawUpdate::from_bytes(broken.into()).unwrap();
    let answer = deliver(&queue, broken).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(status(&queue).await.updates, 0);
}

#[tokio::test]
async fn a_webhook_with_a_queue_has_its_own_door() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let queue = queue(&server);
    let webhook = Webhook::new(SecretToken::new("swordfish").unwrap()).queue(&queue);
    let post = async |secret: &str, json: &'static str| {
        let request = Request::post("/")
            .header(SECRET_TOKEN_HEADER, secret)
            .header("content-type", "application/json")
            .body(Full::<Bytes>::from(json));
        let answer = webhook.clone().oneshot(request.unwrap()).await.unwrap();
        (answer.status().as_u16(), status(&queue).await.updates)
    };
    let text = r#"{"update_id":1,"message":{"chat":{"id":7}}}"#;
    let unwanted = r#"{"update_id":2,"chat_member":{"chat":{"id":7}}}"#;
    assert_eq!(post("guess", text).await, (401, 0));
    assert_eq!(post("swordfish", "[]").await, (400, 0));
    assert_eq!(post("swordfish", unwanted).await, (200, 0));
    assert_eq!(post("swordfish", text).await, (200, 1));
}

#[tokio::test]
async fn another_number_of_partitions_is_an_error() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    fill(&queue(&server), [message(1, 7)]).await;
    let other = queue(&server).partitions(3);
    let error = other.enqueue(None, &message(2, 7)).await.unwrap_err();
    assert!(error.is_partitions(), "{error}");
    assert!(error.to_string().contains("16 partitions"), "{error}");
    assert_redelivered_later(&deliver(&other, message(2, 7)).await);
    let worker = other.worker(Calls::default().client());
    let running = start_with(|| worker, async |_| Ok(failed()));
    assert!(running.end().await.unwrap_err().is_partitions());
}

#[tokio::test]
async fn it_works_in_a_cluster() {
    let Some(server) = RedisServer::start_cluster().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    fill(&queue, (0..50).map(|id| message(id, id % 7))).await;
    let failing = {
        let log = log.clone();
        move |asked: super::support::Asked| {
            let log = log.clone();
            async move {
                let id = asked.body().update_id();
                if log.begin(id) == 1 || id == 49 {
                    return Ok(failed());
                }
                log.succeed(id);
                Ok(super::support::done())
            }
        }
    };
    let worker = queue.worker(Calls::default().client()).max_attempts(2);
    let running = start_with(|| worker, failing);
    log.until_succeeded(49).await;
    until_empty(&queue).await;
    let letters = queue.dead_letters(None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(queue.requeue(&letters[0]).await.unwrap());
    running.stop().await;
    assert!(queue.lease(SECOND).status().await.unwrap().dead_letters <= 1);
}
