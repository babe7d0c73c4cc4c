//! The settings of a queue and its workers.

use std::{future::pending, time::Duration};

use tower_telegram::{queue::Worker, redis::RedisQueue};

use super::support::{
    Asked, AttemptLog, Calls, fill, message, queue, start_with, succeeding, until_empty,
};
use crate::replicas::server::RedisServer;

/// No setting panics or stands still.
#[tokio::test]
async fn settings_of_zero_and_of_the_most_there_is_work() {
    type SetQueue = fn(RedisQueue) -> RedisQueue;
    type SetWorker = fn(Worker) -> Worker;
    let queues: &[(&str, SetQueue)] = &[
        ("partitions 0", |q| q.partitions(0)),
        ("partitions max", |q| q.partitions(u16::MAX)),
        ("backlog 0", |q| q.max_backlog(0).partitions(1)),
        ("backlog max", |q| q.max_backlog(usize::MAX)),
        ("letters 0", |q| q.max_dead_letters(0)),
        ("letters max", |q| q.max_dead_letters(usize::MAX)),
        ("lease 0", |q| q.lease(Duration::ZERO)),
        ("lease max", |q| q.lease(Duration::MAX)),
        ("timeout max", |q| q.timeout(Duration::MAX)),
    ];
    let workers: &[(&str, SetWorker)] = &[
        ("concurrency 0", |w| w.concurrency(0)),
        ("concurrency max", |w| w.concurrency(usize::MAX)),
        ("attempts 0", |w| w.max_attempts(0)),
        ("attempts max", |w| w.max_attempts(u32::MAX)),
        ("poll 0", |w| w.poll_every(Duration::ZERO)),
        ("poll max", |w| w.poll_every(Duration::MAX)),
        ("shutdown 0", |w| w.shutdown_timeout(Duration::ZERO)),
        ("shutdown max", |w| w.shutdown_timeout(Duration::MAX)),
    ];
    let as_it_is = |queue: RedisQueue| queue;
    let alone = |worker: Worker| worker;
    let queues = queues
        .iter()
        .map(|&(what, set)| (what, set, alone as SetWorker));
    let workers = workers
        .iter()
        .map(|&(what, set)| (what, as_it_is as SetQueue, set));
    for (what, set_queue, set_worker) in queues.chain(workers) {
        let Some(server) = RedisServer::start().await else {
            return;
        };
        let queue = set_queue(queue(&server));
        fill(&queue, [message(1, 1)]).await;
        let log = AttemptLog::default();
        let begun = log.clone();
        // The first time a dead letter, where there is but one attempt.
        let handler = move |asked: Asked| {
            let id = asked.body().update_id();
            let is_first = begun.begin(id) == 1;
            async move {
                let response = if is_first {
                    super::support::failed()
                } else {
                    super::support::done()
                };
                Ok(response)
            }
        };
        let worker =
            set_worker(set_queue(super::support::queue(&server)).worker(Calls::default().client()));
        let running = start_with(|| worker, handler);
        eprintln!("{what}");
        until_empty(&queue).await;
        running.stop().await;
        assert!(log.begun(1) >= 1, "{what}");
        assert!(queue.dead_letters(None, usize::MAX).await.is_ok(), "{what}");
    }
}

/// It had no time to end, which says nothing about the update.
#[tokio::test]
async fn d14_a_handler_that_a_shutdown_cuts_off_is_no_counted_attempt() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    let worker = || {
        let worker = super::support::queue(&server).worker(Calls::default().client());
        worker.max_attempts(2).shutdown_timeout(Duration::ZERO)
    };
    for times in 1..=4 {
        let hanging = {
            let log = log.clone();
            move |asked: Asked| {
                log.begin(asked.body().update_id());
                pending()
            }
        };
        let running = start_with(worker, hanging);
        log.until_begun(1, times).await;
        running.stop().await;
    }
    let running = start_with(worker, succeeding(&log));
    until_empty(&queue).await;
    running.stop().await;
    assert_eq!((log.succeeded(), log.begun(1)), (vec![1, 2], 5));
}
