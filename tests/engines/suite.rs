//! The tests, over any engine.

use std::{future::pending, sync::Arc, time::Duration};

use http::StatusCode;
use tokio::{sync::Semaphore, time::sleep};
use tower_telegram::{
    queue::{Enqueued, QueueWriter as _, Worker},
    webhook::{BotId, Failure, Rejection},
};

use crate::{
    engine::{Engine, Options, SECOND},
    support::{
        Book, Entry, Hand, assert_redelivered_later, deliver, deliver_until_taken, done, failed,
        fill, message, until, until_updates,
    },
};

async fn start<E: Engine>() -> Arc<E> {
    Arc::new(E::start(Options::default()).await)
}

pub(crate) async fn d1_an_update_is_in_the_queue_once_also_after_it_was_handled<E: Engine>() {
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    for expected in [Enqueued::Added, Enqueued::Known, Enqueued::Known] {
        let added = queue.put(None, &message(1, 7)).await.unwrap();
        assert_eq!(added, expected);
        assert_eq!(engine.updates().await, 1);
    }
    let of_another = queue.put(Some(BotId(9)), &message(1, 7)).await.unwrap();
    assert_eq!(of_another, Enqueued::Added);
    assert_eq!(engine.updates().await, 2);

    let hand = Hand::start(&engine, &book, async |_, _| done());
    until_updates(&*engine, 0).await;
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    book.until_succeeded(3).await;
    until_updates(&*engine, 0).await;
    hand.stop().await;
    assert_eq!(book.succeeded(), [1, 1, 2]);
}

pub(crate) async fn d6_an_update_that_fails_again_and_again_is_a_dead_letter_and_its_chat_goes_on<
    E: Engine,
>() {
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    let hand = Hand::start_with(
        &engine,
        &book,
        |worker| worker.max_attempts(3),
        async |id, begun| match (id, begun) {
            (1, 1) => panic!("the first time"),
            (1, 3) => Err("it is broken".into()),
            (1, _) => failed(),
            _ => done(),
        },
    );
    let of_bot = queue.put(Some(BotId(5)), &message(1, 7)).await.unwrap();
    assert_eq!(of_bot, Enqueued::Added);
    queue.put(Some(BotId(5)), &message(2, 7)).await.unwrap();
    book.until_succeeded(1).await;
    until_updates(&*engine, 0).await;
    hand.stop().await;
    assert_eq!((book.succeeded(), book.begun(1)), (vec![2], 3));
    let letters = engine.dead_letters().await;
    let [letter] = &letters[..] else {
        panic!("{letters:?}");
    };
    assert_eq!(letter.update, message(1, 7));
    assert_eq!((letter.bot, letter.attempts), (Some(BotId(5)), 3));
    assert!(letter.failure.contains("it is broken"), "{letter:?}");
}

pub(crate) async fn d6_an_update_that_kills_its_worker_is_abandoned_too<E: Engine>() {
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    for times in 1..=2 {
        let mut hand = Hand::start_with(
            &engine,
            &book,
            |worker| worker.max_attempts(2),
            |_, _| pending(),
        );
        book.until_begun(1, times).await;
        hand.kill();
    }
    let hand = Hand::start_with(
        &engine,
        &book,
        |worker| worker.max_attempts(2),
        async |_, _| done(),
    );
    until_updates(&*engine, 0).await;
    hand.stop().await;
    assert_eq!((book.succeeded(), book.begun(1)), (vec![2], 2));
    let letters = engine.dead_letters().await;
    assert_eq!((letters.len(), letters[0].attempts), (1, 2));
    assert!(letters[0].failure.contains("did not finish"), "{letters:?}");
}

/// The worker reads it ahead, and doesn't wait until its attempt is counted.
pub(crate) async fn d6_an_update_behind_others_that_kills_its_worker_is_abandoned_too<E: Engine>() {
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    fill(&queue, (1..=3).map(|id| message(id, 7))).await;
    let start = || {
        Hand::start_with(
            &engine,
            &book,
            |worker| worker.max_attempts(2),
            async |id, _| match id {
                2 => pending().await,
                _ => done(),
            },
        )
    };
    for times in 1.. {
        let mut hand = start();
        while book.begun(2) < times && engine.dead_letters().await.is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
        hand.kill();
        if !engine.dead_letters().await.is_empty() {
            break;
        }
    }
    assert!((2..=3).contains(&book.begun(2)), "{}", book.begun(2));
    let hand = start();
    until_updates(&*engine, 0).await;
    hand.stop().await;
    let letters = engine.dead_letters().await;
    assert_eq!((letters.len(), letters[0].attempts), (1, 2));
    assert_eq!(letters[0].update, message(2, 7));
    assert!(book.succeeded().contains(&1) && book.succeeded().contains(&3));
}

pub(crate) async fn d8_a_chat_waits_for_its_update_that_fails_and_others_go_on<E: Engine>() {
    let options = Options {
        partitions: 1,
        ..Options::default()
    };
    let (engine, book) = (Arc::new(E::start(options).await), Book::default());
    let queue = engine.writer().await;
    let others = Arc::new(Semaphore::new(0));
    let in_chat_1 = (1..=5).map(|id| message(id, 1));
    let elsewhere = (11..=20).map(|id| message(id, id));
    fill(&queue, in_chat_1.chain(elsewhere)).await;
    let hand = Hand::start(&engine, &book, {
        let others = Arc::clone(&others);
        move |id, begun| {
            let others = Arc::clone(&others);
            async move {
                match (id, begun) {
                    (1, 1 | 2) => return failed(),
                    (1, _) => others.acquire_many(10).await?.forget(),
                    (11.., _) => others.add_permits(1),
                    _ => {}
                }
                done()
            }
        }
    });
    until_updates(&*engine, 0).await;
    hand.stop().await;
    let entries = book.entries();
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
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    let handler = async |id, begun| {
        tokio::task::yield_now().await;
        if id % 7 == 0 && begun == 1 {
            return failed();
        }
        done()
    };
    let mut hands = Vec::new();
    for third in 0..3 {
        hands.push(Hand::start(&engine, &book, handler));
        let ids = UPDATES * third / 3..UPDATES * (third + 1) / 3;
        fill(&queue, ids.map(|id| message(id, id % CHATS))).await;
    }
    hands.remove(0).stop().await;
    until_updates(&*engine, 0).await;
    for hand in hands {
        hand.stop().await;
    }
    assert_eq!(book.succeeded().len(), 600, "each once");
    book.assert_in_order(UPDATES, CHATS);
}

pub(crate) async fn d9_a_full_partition_takes_no_more_and_others_do<E: Engine>() {
    let options = Options {
        partitions: 4,
        max_backlog: 8,
    };
    let (engine, book) = (Arc::new(E::start(options).await), Book::default());
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

    let hand = Hand::start(&engine, &book, async |_, _| done());
    deliver_until_taken(&queue, message(3, 7)).await;
    book.until_succeeded(3 + others).await;
    until_updates(&*engine, 0).await;
    hand.stop().await;
}

pub(crate) async fn d10_a_shutdown_waits_for_its_handlers_and_others_go_on_at_once<E: Engine>() {
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    let go = Arc::new(Semaphore::new(0));
    let mut leaving = Hand::start(&engine, &book, {
        let go = Arc::clone(&go);
        move |_, _| {
            let go = Arc::clone(&go);
            async move {
                go.acquire().await?.forget();
                done()
            }
        }
    });
    fill(&queue, (1..=3).map(|id| message(id, 7))).await;
    book.until_begun(1, 1).await;
    leaving.tell();
    let other = Hand::start(&engine, &book, async |_, _| done());
    // Another chat is in another partition, where nothing runs any more.
    fill(&queue, [message(10, 1)]).await;
    book.until_begun(10, 1).await;
    assert_eq!(book.begun(2), 0, "the one before it runs");
    go.add_permits(1);
    leaving.stop().await;
    until_updates(&*engine, 0).await;
    other.stop().await;
    assert_eq!(book.succeeded(), [10, 1, 2, 3]);
    for id in [1, 2, 3, 10] {
        assert_eq!(book.begun(id), 1, "update {id}");
    }
}

pub(crate) async fn d11_the_updates_of_a_worker_that_dies_are_handled_by_another<E: Engine>() {
    const CHATS: i64 = 9;
    const UPDATES: i64 = 200;
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    let slow = async |_, _| {
        sleep(Duration::from_millis(2)).await;
        done()
    };
    let mut dying = Hand::start(&engine, &book, slow);
    let staying = Hand::start(&engine, &book, slow);
    for id in 0..UPDATES {
        fill(&queue, [message(id, id % CHATS)]).await;
        if id == UPDATES / 2 {
            dying.kill();
        }
    }
    until_updates(&*engine, 0).await;
    staying.stop().await;
    book.assert_in_order(UPDATES, CHATS);
    // At most what ran when the worker died is handled again: one of each chat, and those whose record was under way.
    let repeated = book.succeeded().len() - 200;
    assert!(repeated <= 2 * 9, "{repeated} twice");
}

pub(crate) async fn d14_what_says_nothing_about_an_update_is_never_counted<E: Engine>() {
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    let once = |worker: Worker| worker.max_attempts(1).shutdown_timeout(Duration::ZERO);
    // Cut off by a shutdown.
    for times in 1..=3 {
        let hand = Hand::start_with(&engine, &book, once, |_, _| pending());
        book.until_begun(1, times).await;
        hand.stop().await;
    }
    // No room in a layer.
    let hand = Hand::start_with(&engine, &book, once, async |_, begun| {
        if begun <= 5 {
            return Ok(Rejection::Overloaded.into_response());
        }
        done()
    });
    until_updates(&*engine, 0).await;
    hand.stop().await;
    assert_eq!((book.succeeded(), book.begun(1)), (vec![1, 2], 6));
    assert!(engine.dead_letters().await.is_empty());
}

pub(crate) async fn d15_a_permanent_failure_is_a_dead_letter_after_one_attempt<E: Engine>() {
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    fill(&queue, [message(1, 7)]).await;
    let hand = Hand::start(&engine, &book, async |_, _| {
        Err(Failure::permanent("no such order").into())
    });
    until_updates(&*engine, 0).await;
    hand.stop().await;
    assert_eq!(book.begun(1), 1);
    let letters = engine.dead_letters().await;
    assert_eq!((letters.len(), letters[0].attempts), (1, 1));
    assert!(letters[0].failure.contains("no such order"), "{letters:?}");
}

/// The worker looks by itself once an hour.
pub(crate) async fn d32_an_update_reaches_a_worker_that_waits<E: Engine>() {
    let (engine, book) = (start::<E>().await, Book::default());
    let queue = engine.writer().await;
    let hand = Hand::start_with(
        &engine,
        &book,
        |worker| worker.poll_every(3600 * SECOND),
        async |_, _| done(),
    );
    // It has its partitions now.
    fill(&queue, [message(0, 0)]).await;
    book.until_succeeded(1).await;
    for id in 1..=50 {
        fill(&queue, [message(id, id)]).await;
        until(|| book.begun(id) == 1, "it begins").await;
    }
    hand.stop().await;
}
