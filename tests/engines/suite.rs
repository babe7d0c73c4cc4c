//! The tests, over any engine.

use std::{future::pending, sync::Arc, time::Duration};

use http::StatusCode;
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tower_telegram::{
    queue::{Enqueued, QueueWriter as _, Worker},
    webhook::{BotId, Failure, Rejection},
};

use crate::{
    engine::{Engine, Options},
    queue::{
        AttemptLog, Entry, SECOND, assert_redelivered_later, done, failed, limit, message, until,
    },
    support::{deliver, deliver_until_taken, fill, start_worker, start_worker_with, until_updates},
};

async fn start<E: Engine>() -> Arc<E> {
    Arc::new(E::start(Options::default()).await)
}

pub(crate) async fn d1_an_update_is_in_the_queue_once_also_after_it_was_handled<E: Engine>() {
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    for expected in [Enqueued::Added, Enqueued::Known, Enqueued::Known] {
        let added = queue.put(None, &message(1, 7)).await.unwrap();
        assert_eq!(added, expected);
        assert_eq!(engine.updates().await, 1);
    }
    let of_another = queue.put(Some(BotId(9)), &message(1, 7)).await.unwrap();
    assert_eq!(of_another, Enqueued::Added);
    assert_eq!(engine.updates().await, 2);

    let worker = start_worker(&engine, &log, async |_, _| Ok(done()));
    until_updates(&*engine, 0).await;
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    log.until_succeeded(3).await;
    until_updates(&*engine, 0).await;
    worker.stop().await;
    assert_eq!(log.succeeded(), [1, 1, 2]);
}

pub(crate) async fn d6_an_update_that_fails_again_and_again_is_a_dead_letter_and_its_chat_goes_on<
    E: Engine,
>() {
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    let worker = start_worker_with(
        &engine,
        &log,
        |worker| worker.max_attempts(3),
        async |id, begun| match (id, begun) {
            (1, 1) => panic!("the first time"),
            (1, 3) => Err("it is broken".into()),
            (1, _) => Ok(failed()),
            _ => Ok(done()),
        },
    );
    let of_bot = queue.put(Some(BotId(5)), &message(1, 7)).await.unwrap();
    assert_eq!(of_bot, Enqueued::Added);
    queue.put(Some(BotId(5)), &message(2, 7)).await.unwrap();
    log.until_succeeded(1).await;
    until_updates(&*engine, 0).await;
    worker.stop().await;
    assert_eq!((log.succeeded(), log.begun(1)), (vec![2], 3));
    let letters = engine.dead_letters().await;
    let [letter] = &letters[..] else {
        panic!("{letters:?}");
    };
    assert_eq!(letter.update, message(1, 7));
    assert_eq!((letter.bot, letter.attempts), (Some(BotId(5)), 3));
    assert!(letter.failure.contains("it is broken"), "{letter:?}");
}

pub(crate) async fn d6_an_update_that_kills_its_worker_is_abandoned_too<E: Engine>() {
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    for times in 1..=2 {
        let mut worker = start_worker_with(
            &engine,
            &log,
            |worker| worker.max_attempts(2),
            |_, _| pending(),
        );
        log.until_begun(1, times).await;
        worker.kill();
    }
    let worker = start_worker_with(
        &engine,
        &log,
        |worker| worker.max_attempts(2),
        async |_, _| Ok(done()),
    );
    until_updates(&*engine, 0).await;
    worker.stop().await;
    assert_eq!((log.succeeded(), log.begun(1)), (vec![2], 2));
    let letters = engine.dead_letters().await;
    assert_eq!((letters.len(), letters[0].attempts), (1, 2));
    assert!(letters[0].failure.contains("did not finish"), "{letters:?}");
}

/// The worker reads it ahead, and doesn't wait until its attempt is counted.
pub(crate) async fn d6_an_update_behind_others_that_kills_its_worker_is_abandoned_too<E: Engine>() {
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    fill(&queue, (1..=3).map(|id| message(id, 7))).await;
    let start = || {
        start_worker_with(
            &engine,
            &log,
            |worker| worker.max_attempts(2),
            async |id, _| match id {
                2 => pending().await,
                _ => Ok(done()),
            },
        )
    };
    // Two attempts, one that isn't counted, and a worker that abandons it.
    for times in 1..=4 {
        let mut worker = start();
        let waiting = async {
            while log.begun(2) < times && engine.dead_letters().await.is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(limit(), waiting)
            .await
            .expect("it begins or is abandoned");
        worker.kill();
    }
    assert!((2..=3).contains(&log.begun(2)), "{}", log.begun(2));
    let worker = start();
    until_updates(&*engine, 0).await;
    worker.stop().await;
    let letters = engine.dead_letters().await;
    assert_eq!((letters.len(), letters[0].attempts), (1, 2));
    assert_eq!(letters[0].update, message(2, 7));
    assert!(log.succeeded().contains(&1) && log.succeeded().contains(&3));
}

pub(crate) async fn d8_a_chat_waits_for_its_update_that_fails_and_others_go_on<E: Engine>() {
    let options = Options {
        partitions: 1,
        ..Options::default()
    };
    let (engine, log) = (Arc::new(E::start(options).await), AttemptLog::default());
    let queue = engine.writer().await;
    let others = Arc::new(Semaphore::new(0));
    let in_chat_1 = (1..=5).map(|id| message(id, 1));
    let elsewhere = (11..=20).map(|id| message(id, id));
    fill(&queue, in_chat_1.chain(elsewhere)).await;
    let worker = start_worker(&engine, &log, {
        let others = Arc::clone(&others);
        move |id, begun| {
            let others = Arc::clone(&others);
            async move {
                match (id, begun) {
                    (1, 1 | 2) => return Ok(failed()),
                    (1, _) => others.acquire_many(10).await?.forget(),
                    (11.., _) => others.add_permits(1),
                    _ => {}
                }
                Ok(done())
            }
        }
    });
    until_updates(&*engine, 0).await;
    worker.stop().await;
    let entries = log.entries();
    let of_chat_1 = entries.iter().filter(|entry| match entry {
        Entry::Begun(id) | Entry::Succeeded(id) => *id <= 5,
    });
    let of_chat_1: Vec<_> = of_chat_1.copied().collect();
    let mut expected = vec![Entry::Begun(1), Entry::Begun(1)];
    expected.extend((1..=5).flat_map(|id| [Entry::Begun(id), Entry::Succeeded(id)]));
    assert_eq!(of_chat_1, expected);
}

pub(crate) async fn d8_many_chats_over_workers_that_come_and_go_stay_in_order<E: Engine>() {
    const CHATS: i64 = 20;
    const UPDATES: i64 = 600;
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    let handler = async |id, begun| {
        tokio::task::yield_now().await;
        if id % 7 == 0 && begun == 1 {
            return Ok(failed());
        }
        Ok(done())
    };
    let mut workers = Vec::new();
    for third in 0..3 {
        workers.push(start_worker(&engine, &log, handler));
        let ids = UPDATES * third / 3..UPDATES * (third + 1) / 3;
        fill(&queue, ids.map(|id| message(id, id % CHATS))).await;
    }
    workers.remove(0).stop().await;
    until_updates(&*engine, 0).await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(log.succeeded().len(), 600, "each once");
    log.assert_in_order(UPDATES, CHATS);
}

pub(crate) async fn d9_a_full_partition_takes_no_more_and_others_do<E: Engine>() {
    let options = Options {
        partitions: 4,
        max_backlog: 8,
    };
    let (engine, log) = (Arc::new(E::start(options).await), AttemptLog::default());
    let queue = engine.writer().await;
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    assert_redelivered_later(&deliver(&queue, message(3, 7)).await);
    // It is in there already.
    fill(&queue, [message(2, 7)]).await;
    let mut others = 0;
    for chat in 100..104 {
        let answer = deliver(&queue, message(chat, chat)).await;
        others += usize::from(answer.status() == StatusCode::OK);
    }
    assert!(others >= 2, "{others} of 4");

    let worker = start_worker(&engine, &log, async |_, _| Ok(done()));
    deliver_until_taken(&queue, message(3, 7)).await;
    log.until_succeeded(3 + others).await;
    until_updates(&*engine, 0).await;
    worker.stop().await;
}

pub(crate) async fn d10_a_shutdown_waits_for_its_handlers_and_others_go_on_at_once<E: Engine>() {
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    let go = Arc::new(Semaphore::new(0));
    let mut leaving = start_worker(&engine, &log, {
        let go = Arc::clone(&go);
        move |_, _| {
            let go = Arc::clone(&go);
            async move {
                go.acquire().await?.forget();
                Ok(done())
            }
        }
    });
    fill(&queue, (1..=3).map(|id| message(id, 7))).await;
    log.until_begun(1, 1).await;
    leaving.shut_down();
    let other = start_worker(&engine, &log, async |_, _| Ok(done()));
    // Another chat is in another partition, where nothing runs any more.
    fill(&queue, [message(10, 1)]).await;
    log.until_begun(10, 1).await;
    assert_eq!(log.begun(2), 0, "the one before it runs");
    go.add_permits(1);
    leaving.stop().await;
    until_updates(&*engine, 0).await;
    other.stop().await;
    assert_eq!(log.succeeded(), [10, 1, 2, 3]);
    for id in [1, 2, 3, 10] {
        assert_eq!(log.begun(id), 1, "update {id}");
    }
}

pub(crate) async fn d11_the_updates_of_a_worker_that_dies_are_handled_by_another<E: Engine>() {
    const CHATS: i64 = 9;
    const UPDATES: i64 = 200;
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    let slow = async |_, _| {
        sleep(Duration::from_millis(2)).await;
        Ok(done())
    };
    let mut dying = start_worker(&engine, &log, slow);
    let staying = start_worker(&engine, &log, slow);
    for id in 0..UPDATES {
        fill(&queue, [message(id, id % CHATS)]).await;
        if id == UPDATES / 2 {
            dying.kill();
        }
    }
    until_updates(&*engine, 0).await;
    staying.stop().await;
    log.assert_in_order(UPDATES, CHATS);
    // At most what ran when the worker died is handled again: one of each chat, and those whose record was under way.
    let repeated = log.succeeded().len() - 200;
    assert!(repeated <= 2 * 9, "{repeated} twice");
}

pub(crate) async fn d14_what_says_nothing_about_an_update_is_never_counted<E: Engine>() {
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    let once = |worker: Worker| worker.max_attempts(1).shutdown_timeout(Duration::ZERO);
    // Cut off by a shutdown.
    for times in 1..=3 {
        let worker = start_worker_with(&engine, &log, once, |_, _| pending());
        log.until_begun(1, times).await;
        worker.stop().await;
    }
    // No room in a layer.
    let worker = start_worker_with(&engine, &log, once, async |_, begun| {
        if begun <= 5 {
            return Ok(Rejection::Overloaded.into_response());
        }
        Ok(done())
    });
    until_updates(&*engine, 0).await;
    worker.stop().await;
    assert_eq!((log.succeeded(), log.begun(1)), (vec![1, 2], 6));
    assert!(engine.dead_letters().await.is_empty());
}

pub(crate) async fn d15_a_permanent_failure_is_a_dead_letter_after_one_attempt<E: Engine>() {
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    fill(&queue, [message(1, 7)]).await;
    let worker = start_worker(&engine, &log, async |_, _| {
        Err(Failure::permanent("no such order").into())
    });
    until_updates(&*engine, 0).await;
    worker.stop().await;
    assert_eq!(log.begun(1), 1);
    let letters = engine.dead_letters().await;
    assert_eq!((letters.len(), letters[0].attempts), (1, 1));
    assert!(letters[0].failure.contains("no such order"), "{letters:?}");
}

/// The worker looks by itself once an hour.
pub(crate) async fn d32_an_update_reaches_a_worker_that_waits<E: Engine>() {
    let (engine, log) = (start::<E>().await, AttemptLog::default());
    let queue = engine.writer().await;
    let worker = start_worker_with(
        &engine,
        &log,
        |worker| worker.poll_every(3600 * SECOND),
        async |_, _| Ok(done()),
    );
    // It has its partitions now.
    fill(&queue, [message(0, 0)]).await;
    log.until_succeeded(1).await;
    for id in 1..=50 {
        fill(&queue, [message(id, id)]).await;
        until(|| log.begun(id) == 1, "it begins").await;
    }
    worker.stop().await;
}
