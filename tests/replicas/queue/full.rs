//! A Redis that is out of memory, and keeps what it has (`noeviction`).

use http::StatusCode;

use super::support::{
    Asked, AttemptLog, Calls, Entry, assert_redelivered_later, deliver, deliver_until_taken, done,
    failed, fill, message, queue, start, start_with, status, succeeding, until_empty,
};
use crate::replicas::server::{RedisServer, SECOND};

async fn set_memory(server: &RedisServer, bytes: &str) {
    drop(
        server
            .ask::<String>(&["CONFIG", "SET", "maxmemory", bytes])
            .await,
    );
}

#[tokio::test]
async fn workers_empty_a_queue_under_a_full_redis() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    fill(&queue, (1..=200).map(|id| message(id, id % 20))).await;
    set_memory(&server, "1").await;
    drop(server.ask::<String>(&["SCRIPT", "FLUSH"]).await);
    assert_redelivered_later(&deliver(&queue, message(201, 1)).await);
    let handler = {
        let log = log.clone();
        move |asked: Asked| {
            let log = log.clone();
            async move {
                let id = asked.body().update_id();
                let begun = log.begin(id);
                match id % 50 {
                    // A dead letter.
                    7 => return Ok(failed()),
                    // Tried again, counted and not counted.
                    8 if begun == 1 => return Ok(failed()),
                    9 if begun == 1 => {
                        let why = tower_telegram::webhook::Rejection::Overloaded;
                        return Ok(why.into_response());
                    }
                    _ => {}
                }
                log.succeed(id);
                Ok(done())
            }
        }
    };
    let worker = queue.worker(Calls::default().client()).max_attempts(2);
    let running = start_with(|| worker, handler);
    until_empty(&queue).await;
    assert_redelivered_later(&deliver(&queue, message(201, 1)).await);
    running.stop().await;
    assert_eq!(log.succeeded().len(), 196);
    assert_eq!(status(&queue).await.dead_letters, 4);
    let letters = queue.dead_letters(None, 10).await.unwrap();
    assert!(
        letters.iter().all(|letter| letter.attempts == 2),
        "{letters:?}"
    );
    let once = |id: &i64| log.begun(*id) == 1;
    let repeated: Vec<_> = (1..=200).filter(|id| !once(id)).collect();
    assert_eq!(repeated.len(), 12, "{repeated:?}");

    set_memory(&server, "0").await;
    assert_eq!(
        deliver(&queue, message(201, 1)).await.status(),
        StatusCode::OK
    );
}

/// The first worker of all has to write down how many partitions there are.
#[tokio::test]
async fn a_worker_that_comes_first_waits_for_memory() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    set_memory(&server, "1").await;
    let running = start(&server, succeeding(&log));
    assert_redelivered_later(&deliver(&queue, message(1, 1)).await);
    tokio::time::sleep(SECOND / 2).await;
    set_memory(&server, "0").await;
    deliver_until_taken(&queue, message(1, 1)).await;
    log.until_succeeded(1).await;
    running.stop().await;
    assert_eq!(log.entries(), [Entry::Begun(1), Entry::Succeeded(1)]);
}
