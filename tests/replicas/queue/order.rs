//! One chat in order, and the others beside it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::sleep};

use super::support::{
    Asked, AttemptLog, Calls, Entry, done, failed, fill, message, queue, start, start_with, status,
    until_empty,
};
use crate::replicas::server::{RedisServer, SECOND};

#[tokio::test]
async fn d8_a_chat_waits_for_its_update_that_fails_and_others_go_on() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server).partitions(1), AttemptLog::default());
    let others = Arc::new(Semaphore::new(0));
    let handler = {
        let (log, others) = (log.clone(), others.clone());
        move |asked: Asked| {
            let (log, others) = (log.clone(), others.clone());
            async move {
                let id = asked.body().update_id();
                let begun = log.begin(id);
                if id == 1 && begun == 3 {
                    others.acquire_many(10).await?.forget();
                } else if id == 1 {
                    return Ok(failed());
                }
                log.succeed(id);
                if asked.body().chat_id() != Some(1) {
                    others.add_permits(1);
                }
                Ok(done())
            }
        }
    };
    let in_chat_1 = (1..=5).map(|id| message(id, 1));
    let elsewhere = (11..=20).map(|id| message(id, id));
    fill(&queue, in_chat_1.chain(elsewhere)).await;
    let worker = queue.worker(Calls::default().client());
    let running = start_with(|| worker, handler);
    until_empty(&queue).await;
    running.stop().await;
    let entries = log.entries();
    let of_chat_1 = entries.iter().filter(|entry| match entry {
        Entry::Begun(id) | Entry::Succeeded(id) => *id <= 5,
    });
    let of_chat_1: Vec<_> = of_chat_1.copied().collect();
    let mut expected = vec![Entry::Begun(1), Entry::Begun(1)];
    expected.extend((1..=5).flat_map(|id| [Entry::Begun(id), Entry::Succeeded(id)]));
    assert_eq!(of_chat_1, expected);
}

#[tokio::test]
async fn d8_many_chats_over_three_workers_stay_in_order() {
    const CHATS: i64 = 20;
    const UPDATES: i64 = 600;
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let handler = {
        let log = log.clone();
        move |asked: Asked| {
            let log = log.clone();
            async move {
                let id = asked.body().update_id();
                let begun = log.begin(id);
                tokio::task::yield_now().await;
                if id % 7 == 0 && begun == 1 {
                    return Ok(failed());
                }
                log.succeed(id);
                Ok(done())
            }
        }
    };
    let mut workers = Vec::new();
    for third in 0..3 {
        workers.push(start(&server, handler.clone()));
        let ids = UPDATES * third / 3..UPDATES * (third + 1) / 3;
        fill(&queue, ids.map(|id| message(id, id % CHATS))).await;
    }
    until_empty(&queue).await;
    for running in workers {
        running.stop().await;
    }
    let mut chats: HashMap<i64, Vec<i64>> = HashMap::new();
    for id in log.succeeded() {
        chats.entry(id % CHATS).or_default().push(id);
    }
    for (chat, ids) in chats {
        let expected: Vec<_> = (0..UPDATES).filter(|id| id % CHATS == chat).collect();
        assert_eq!(ids, expected, "chat {chat}");
    }
}

#[tokio::test]
async fn no_more_run_at_once_than_are_to() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let go = Arc::new(Semaphore::new(0));
    let handler = {
        let (log, go) = (log.clone(), go.clone());
        move |asked: Asked| {
            let (log, go) = (log.clone(), go.clone());
            async move {
                let id = asked.body().update_id();
                log.begin(id);
                go.acquire().await?.forget();
                log.succeed(id);
                Ok(done())
            }
        }
    };
    fill(&queue, (0..20).map(|id| message(id, id))).await;
    let worker = queue.worker(Calls::default().client()).concurrency(3);
    let running = start_with(|| worker, handler);
    super::support::until(|| log.entries().len() >= 3, "three begin").await;
    // Any more would have begun by now.
    sleep(SECOND / 4).await;
    assert_eq!(log.entries().len(), 3);
    assert_eq!(status(&queue).await.updates, 20);
    go.add_permits(20);
    until_empty(&queue).await;
    running.stop().await;
    assert_eq!(log.succeeded().len(), 20);
}

/// All that a worker asks of a Redis that stands still is done when it goes on.
#[tokio::test]
async fn d14_an_attempt_whose_answer_got_lost_is_counted_once() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server).lease(60 * SECOND), AttemptLog::default());
    let go = Arc::new(Semaphore::new(0));
    let handler = {
        let (log, go) = (log.clone(), go.clone());
        move |asked: Asked| {
            let (log, go) = (log.clone(), go.clone());
            async move {
                let id = asked.body().update_id();
                if log.begin(id) == 1 {
                    go.acquire().await?.forget();
                    return Ok(failed());
                }
                log.succeed(id);
                Ok(done())
            }
        }
    };
    let worker = queue.clone().timeout(SECOND / 10);
    let worker = worker.worker(Calls::default().client()).max_attempts(2);
    let running = start_with(|| worker, handler);
    fill(&queue, [message(1, 7)]).await;
    log.until_begun(1, 1).await;
    let _: () = server.ask(&["CLIENT", "PAUSE", "2000"]).await;
    // Its second attempt begins in the pause, again and again.
    go.add_permits(1);
    log.until_succeeded(1).await;
    until_empty(&queue.timeout(20 * SECOND)).await;
    running.stop().await;
    assert_eq!(log.begun(1), 2);
}

/// Entries that were delivered with a lost answer would otherwise wait for another worker.
#[tokio::test]
async fn d12_updates_whose_answer_got_lost_are_taken_nevertheless() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server).lease(60 * SECOND), AttemptLog::default());
    let worker = queue
        .clone()
        .timeout(SECOND / 5)
        .worker(Calls::default().client())
        .poll_every(Duration::from_millis(5));
    let running = start_with(|| worker, super::support::succeeding(&log));
    fill(&queue, [message(1, 1)]).await;
    log.until_succeeded(1).await;
    until_empty(&queue).await;
    // All that arrives meanwhile is done once the pause is over: first the update, then what the worker had
    // asked, and no caller waits any more.
    let _: () = server.ask(&["CLIENT", "PAUSE", "1000"]).await;
    let patient = queue.timeout(20 * SECOND);
    let before = (2..=30).map(|id| {
        let queue = patient.clone();
        async move { fill(&queue, [message(id, id)]).await }
    });
    let mut filling: tokio::task::JoinSet<_> = before.collect();
    while filling.join_next().await.is_some() {}
    log.until_succeeded(30).await;
    until_empty(&patient).await;
    running.stop().await;
    let mut succeeded = log.succeeded();
    succeeded.sort_unstable();
    assert_eq!(succeeded, (1..=30).collect::<Vec<_>>());
}
