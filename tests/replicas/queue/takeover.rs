//! Workers that come, go, die and hang.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, mpsc},
};

use tokio::{sync::Semaphore, time::Instant};

use super::support::{
    Asked, AttemptLog, Calls, Entry, deliver_until_taken, done, fill, message, queue, start,
    start_with, status, succeeding, until, until_empty, until_updates,
};
use crate::replicas::server::{RedisServer, SECOND};

#[tokio::test]
async fn d11_what_a_worker_had_begun_when_it_died_another_handles_in_order() {
    const CHATS: i64 = 5;
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let stuck = {
        let log = log.clone();
        move |asked: Asked| {
            log.begin(asked.body().update_id());
            pending()
        }
    };
    let mut dying = start(&server, stuck);
    fill(&queue, (0..20).map(|id| message(id, id % CHATS))).await;
    for id in 0..CHATS {
        log.until_begun(id, 1).await;
    }
    let other = start(&server, succeeding(&log));
    dying.kill();
    until_empty(&queue).await;
    other.stop().await;
    for chat in 0..CHATS {
        let of_chat = |id: &i64| id % CHATS == chat;
        let succeeded: Vec<_> = log.succeeded().into_iter().filter(of_chat).collect();
        assert_eq!(succeeded, (0..20).filter(of_chat).collect::<Vec<_>>());
        assert_eq!(log.begun(chat), 2, "it was begun by the one that died");
        assert_eq!(log.begun(chat + CHATS), 1, "it waited for its chat");
    }
}

#[tokio::test]
async fn d11_a_worker_that_hung_notes_nothing_that_is_another_ones_by_now() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server).partitions(1), AttemptLog::default());
    // The first worker's only thread stands still in the handler, and so does all of it.
    let (thaw, frozen) = mpsc::channel::<()>();
    let frozen = Arc::new(Mutex::new(frozen));
    let hanging = {
        let log = log.clone();
        move |asked: Asked| {
            let (log, frozen) = (log.clone(), frozen.clone());
            async move {
                log.begin(asked.body().update_id());
                frozen.lock().unwrap().recv().ok();
                Ok(done())
            }
        }
    };
    let go = Arc::new(Semaphore::new(0));
    let waiting = {
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
    let worker = |server: &RedisServer| {
        let queue = super::support::queue(server).partitions(1);
        queue.worker(Calls::default().client())
    };
    let first = start_with(|| worker(&server), hanging);
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    log.until_begun(1, 1).await;
    let other = start_with(|| worker(&server), waiting);
    log.until_begun(1, 2).await;
    thaw.send(()).unwrap();
    // It notices that it has lost the partition, and has no second try at it: the other holds it.
    first.stop().await;
    assert_eq!(status(&queue).await.updates, 2, "it has noted nothing");
    assert_eq!(log.begun(2), 0, "and begun nothing");
    go.add_permits(2);
    until_empty(&queue).await;
    other.stop().await;
    assert_eq!(log.succeeded(), [1, 2]);
}

#[tokio::test]
async fn d12_workers_go_on_when_redis_is_back() {
    let Some(mut server) = RedisServer::start().await else {
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
                if id == 1 {
                    go.acquire().await?.forget();
                }
                log.succeed(id);
                Ok(done())
            }
        }
    };
    let running = start(&server, handler);
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    log.until_begun(1, 1).await;
    server.stop().await;
    // It is done while Redis is away, and recorded when that is back.
    go.add_permits(1);
    log.until_succeeded(1).await;
    server.start_again().await;
    deliver_until_taken(&queue, message(3, 7)).await;
    log.until_succeeded(3).await;
    running.stop().await;
    let expected = [1, 2, 3].map(|id| [Entry::Begun(id), Entry::Succeeded(id)]);
    assert_eq!(log.entries(), expected.concat());
    assert_eq!(status(&queue).await.updates, 0);
}

#[tokio::test]
async fn d10_a_worker_that_shuts_down_finishes_and_leaves_the_rest_to_others_at_once() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    // The lease is longer than any wait.
    let lease = 600 * SECOND;
    let (queue, log) = (queue(&server).lease(lease), AttemptLog::default());
    let go = Arc::new(Semaphore::new(0));
    let slow = {
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
    let worker = || {
        let queue = super::support::queue(&server).lease(lease);
        queue.worker(Calls::default().client())
    };
    let mut leaving = start_with(worker, slow);
    fill(&queue, (1..=3).map(|id| message(id, 7))).await;
    log.until_begun(1, 1).await;
    leaving.shut_down();
    let began = Instant::now();
    let other = start_with(worker, succeeding(&log));
    // Another chat is in another partition, where nothing runs any more.
    fill(&queue, [message(10, 1)]).await;
    log.until_begun(10, 1).await;
    assert_eq!(log.begun(2), 0, "the one before it runs");
    go.add_permits(1);
    leaving.end().await.unwrap();
    until_empty(&queue).await;
    assert!(began.elapsed() < 20 * SECOND, "{:?}", began.elapsed());
    other.stop().await;
    assert_eq!(log.succeeded(), [10, 1, 2, 3]);
    for id in [1, 2, 3, 10] {
        assert_eq!(log.begun(id), 1, "update {id}");
    }
}

#[tokio::test]
async fn d10_what_does_not_end_is_cut_off_and_begun_again_by_another() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let lease = 600 * SECOND;
    let (queue, log) = (queue(&server).lease(lease), AttemptLog::default());
    let stuck = {
        let log = log.clone();
        move |asked: Asked| {
            log.begin(asked.body().update_id());
            pending()
        }
    };
    let worker = || {
        let queue = super::support::queue(&server).lease(lease);
        let worker = queue.worker(Calls::default().client());
        worker.shutdown_timeout(SECOND / 10)
    };
    let first = start_with(worker, stuck);
    fill(&queue, [message(1, 7)]).await;
    log.until_begun(1, 1).await;
    first.stop().await;
    assert_eq!(status(&queue).await.workers, 0);
    let other = start_with(worker, succeeding(&log));
    until_empty(&queue).await;
    other.stop().await;
    assert_eq!(log.succeeded(), [1]);
}

/// How many partitions each worker has.
async fn shares(server: &RedisServer) -> Vec<usize> {
    let key = "{bot:queue}:partitions";
    let all: HashMap<String, String> = server.ask(&["HGETALL", key]).await;
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (field, value) in &all {
        if field.starts_with("worker:") {
            *counts.entry(value).or_default() += 1;
        }
    }
    let mut shares: Vec<_> = counts.into_values().collect();
    shares.sort_unstable();
    shares
}

async fn until_shares(server: &RedisServer, expected: &[usize]) {
    let began = Instant::now();
    loop {
        let shares = shares(server).await;
        if shares == expected {
            return;
        }
        assert!(began.elapsed() < 20 * SECOND, "{shares:?}");
        tokio::time::sleep(SECOND / 50).await;
    }
}

#[tokio::test]
async fn workers_that_come_and_go_share_the_partitions() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let first = start(&server, succeeding(&log));
    until_shares(&server, &[16]).await;
    let mut second = start(&server, succeeding(&log));
    until_shares(&server, &[8, 8]).await;
    let third = start(&server, succeeding(&log));
    until_shares(&server, &[4, 6, 6]).await;
    second.kill();
    until_shares(&server, &[8, 8]).await;
    third.stop().await;
    until_shares(&server, &[16]).await;
    fill(&queue, (0..50).map(|id| message(id, id))).await;
    log.until_succeeded(50).await;
    first.stop().await;
    until_shares(&server, &[]).await;
    assert_eq!(status(&queue).await.workers, 0);
}

#[tokio::test]
async fn partitions_change_hands_without_a_second_handling() {
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
                log.begin(id);
                tokio::time::sleep(SECOND / 500).await;
                log.succeed(id);
                Ok(done())
            }
        }
    };
    fill(&queue, (0..1000).map(|id| message(id, id % 32))).await;
    let first = start(&server, handler.clone());
    log.until_succeeded(50).await;
    let second = start(&server, handler.clone());
    until(|| log.succeeded().len() >= 300, "it goes on").await;
    first.stop().await;
    let third = start(&server, handler);
    until_updates(&queue, 0).await;
    second.stop().await;
    third.stop().await;
    let mut chats: HashMap<i64, Vec<i64>> = HashMap::new();
    for id in log.succeeded() {
        assert_eq!(log.begun(id), 1, "update {id}");
        chats.entry(id % 32).or_default().push(id);
    }
    for (chat, ids) in chats {
        let expected: Vec<_> = (0..1000).filter(|id| id % 32 == chat).collect();
        assert_eq!(ids, expected, "chat {chat}");
    }
}
