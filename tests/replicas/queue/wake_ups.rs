//! Workers that wait for a message instead of asking at intervals.

use std::sync::{Arc, Mutex};

use tokio::{task::JoinSet, time::timeout};
use tower_telegram::{
    queue::Worker,
    redis::{RedisLocks, RedisQueue, WakeUps},
    webhook::sequence::{LockGuard as _, SequenceLock as _},
};

use super::support::{
    Asked, AttemptLog, Calls, done, fill, message, queue, start_with, status, succeeding,
    until_empty,
};
use crate::replicas::server::{RedisServer, SECOND};

fn with_wake_ups(server: &RedisServer) -> RedisQueue {
    queue(server).wake_ups(&WakeUps::new(server.client()))
}

/// A worker that looks for updates once an hour unless a message wakes it.
fn waiting_worker(queue: &RedisQueue) -> Worker {
    let worker = queue.worker(Calls::default().client());
    worker.poll_every(3600 * SECOND)
}

async fn until_subscribed(server: &RedisServer, count: usize) {
    let subscribed = async {
        loop {
            let pattern = "tower-telegram:wake:*";
            let channels: Vec<String> = server.ask(&["PUBSUB", "CHANNELS", pattern]).await;
            if channels.len() == count {
                return;
            }
            tokio::time::sleep(SECOND / 100).await;
        }
    };
    timeout(20 * SECOND, subscribed)
        .await
        .expect("it subscribes");
}

/// Waits until the worker has read all and left word how it is woken.
async fn until_idle(server: &RedisServer) {
    let idle = async {
        loop {
            let key = "{bot:queue}:partitions";
            let fields: Vec<String> = server.ask(&["HKEYS", key]).await;
            if fields.iter().filter(|f| f.starts_with("idle:")).count() == 16 {
                return;
            }
            tokio::time::sleep(SECOND / 100).await;
        }
    };
    timeout(20 * SECOND, idle).await.expect("it has read all");
}

#[tokio::test]
async fn d32_an_update_wakes_the_worker_in_another_process() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let running = start_with(|| waiting_worker(&with_wake_ups(&server)), succeeding(&log));
    until_subscribed(&server, 1).await;
    // Each waits for an empty queue.
    for id in 1..=30 {
        until_idle(&server).await;
        fill(&queue, [message(id, id)]).await;
        log.until_succeeded(usize::try_from(id).unwrap()).await;
    }
    running.stop().await;
    assert_eq!(log.succeeded(), (1..=30).collect::<Vec<_>>());
    until_subscribed(&server, 0).await;
}

#[tokio::test]
async fn d32_an_update_wakes_the_worker_of_a_clone_without_a_connection_for_messages() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let worker = waiting_worker(&queue);
    let running = start_with(|| worker, succeeding(&log));
    for id in 1..=30 {
        until_idle(&server).await;
        fill(&queue, [message(id, id)]).await;
        log.until_succeeded(usize::try_from(id).unwrap()).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn d32_a_worker_goes_on_when_its_messages_are_interrupted() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let running = start_with(
        || {
            let queue = with_wake_ups(&server);
            let worker = queue.worker(Calls::default().client());
            worker.poll_every(SECOND / 20)
        },
        succeeding(&log),
    );
    until_subscribed(&server, 1).await;
    let killed: i64 = server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    assert_eq!(killed, 1);
    fill(&queue, (1..=20).map(|id| message(id, id))).await;
    log.until_succeeded(20).await;
    until_subscribed(&server, 1).await;
    fill(&queue, (21..=40).map(|id| message(id, id))).await;
    log.until_succeeded(40).await;
    running.stop().await;
    assert_eq!(status(&queue).await.updates, 0);
}

/// A worker that waited and died is named in Redis, and no message reaches it.
#[tokio::test]
async fn d32_a_worker_that_died_while_it_waited_holds_up_no_update() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let mut dying = start_with(|| waiting_worker(&with_wake_ups(&server)), succeeding(&log));
    until_idle(&server).await;
    dying.kill();
    fill(&queue, (1..=20).map(|id| message(id, id))).await;
    let other = start_with(|| waiting_worker(&with_wake_ups(&server)), succeeding(&log));
    until_empty(&queue).await;
    other.stop().await;
    assert_eq!(log.succeeded().len(), 20);
}

/// A partition has more than a worker's window, or than one call reads.
#[tokio::test]
async fn d32_a_long_backlog_of_one_chat_is_read_to_its_end() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let queue = queue(&server).partitions(1);
    let mut replicas = JoinSet::new();
    for replica in 0..8 {
        let queue = queue.clone();
        replicas.spawn(async move {
            fill(&queue, (0..600).map(|n| message(n * 8 + replica, 7))).await;
        });
    }
    replicas.join_all().await;
    let worker = || waiting_worker(&with_wake_ups(&server).partitions(1));
    let handled = Arc::new(Mutex::new(Vec::new()));
    let record = {
        let handled = handled.clone();
        move |asked: Asked| {
            handled.lock().unwrap().push(asked.body().update_id());
            std::future::ready(Ok(done()))
        }
    };
    let running = start_with(worker, record);
    until_empty(&queue).await;
    running.stop().await;
    let mut handled = handled.lock().unwrap();
    handled.sort_unstable();
    assert_eq!(*handled, (0..4800).collect::<Vec<_>>(), "each once");
}

#[tokio::test]
async fn d32_releasing_a_lock_wakes_the_waiters_of_other_processes_in_their_order() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let locks = |_: i64| {
        RedisLocks::new(server.connection(), "bot").wake_ups(&WakeUps::new(server.client()))
    };
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut replicas = JoinSet::new();
    let held = locks(0).acquire("0:7").await.unwrap();
    for n in 1..=4 {
        let (locks, order) = (locks(n), order.clone());
        replicas.spawn(async move {
            for _ in 0..50 {
                let turn = locks.acquire("0:7").await.unwrap();
                order.lock().unwrap().push(n);
                turn.release().await;
            }
        });
        until_subscribed(&server, usize::try_from(n).unwrap() + 1).await;
        let waiting = async {
            loop {
                let fields: Vec<String> = server.ask(&["HKEYS", "{bot:0:7}:turn"]).await;
                if fields.len() == 3 + usize::try_from(n).unwrap() {
                    return;
                }
                tokio::time::sleep(SECOND / 200).await;
            }
        };
        timeout(20 * SECOND, waiting).await.expect("it waits");
    }
    held.release().await;
    timeout(40 * SECOND, replicas.join_all())
        .await
        .expect("all get it");
    let order = order.lock().unwrap();
    assert_eq!(order[..4], [1, 2, 3, 4], "the order in which they asked");
    // One that has had it waits for the three others.
    let first_hundred = &order[..100];
    for n in 1..=4 {
        let count = first_hundred.iter().filter(|&&m| m == n).count();
        assert!((20..=30).contains(&count), "{n}: {count} of 100, {order:?}");
    }
}
