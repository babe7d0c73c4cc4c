//! Updates that can't be handled.

use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use http::Response;
use tokio::sync::Semaphore;
use tower::{BoxError, Layer as _, ServiceExt as _, service_fn};
use tower_telegram::{
    IntoReply as _, Reply,
    methods::SendMessage,
    webhook::{Failure, RawUpdate, ReplyBody, SequenceLayer},
};

use super::support::{
    Asked, AttemptLog, Calls, done, failed, fill, message, queue, replied, serve, start_with,
    status, until, until_empty, until_updates,
};
use crate::{
    replicas::server::{RedisServer, SECOND},
    support::get_updates::{Mishap, PolledTelegram},
};

#[tokio::test]
async fn d6_an_update_that_fails_again_and_again_is_a_dead_letter_and_its_chat_goes_on() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let mended = Arc::new(AtomicBool::new(false));
    let handler = {
        let (log, mended) = (log.clone(), mended.clone());
        move |asked: Asked| {
            let (log, mended) = (log.clone(), mended.clone());
            async move {
                let id = asked.body().update_id();
                let begun = log.begin(id);
                if id == 1 && !mended.load(Ordering::Relaxed) {
                    assert!(begun != 1, "the first time panics");
                    return if begun == 3 {
                        Err("it is broken".into())
                    } else {
                        Ok(failed())
                    };
                }
                log.succeed(id);
                Ok(done())
            }
        }
    };
    let worker = || {
        let queue = super::support::queue(&server);
        queue.worker(Calls::default().client()).max_attempts(3)
    };
    let running = start_with(worker, handler);
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    log.until_succeeded(1).await;
    assert_eq!((log.succeeded(), log.begun(1)), (vec![2], 3));
    until_empty(&queue).await;

    let letters = queue.dead_letters(None, 10).await.unwrap();
    let [letter] = &letters[..] else {
        panic!("{letters:?}");
    };
    assert_eq!(letter.update, message(1, 7));
    assert_eq!((letter.bot, letter.attempts), (None, 3));
    assert!(letter.failure.contains("it is broken"), "{letter:?}");
    assert_eq!(status(&queue).await.dead_letters, 1);
    let attempts: usize = server.ask(&["HLEN", "{bot:queue}:attempts"]).await;
    assert_eq!(attempts, 0, "nothing is left behind");

    // Telegram's own repetition does nothing.
    fill(&queue, [message(1, 7)]).await;
    mended.store(true, Ordering::Relaxed);
    assert!(queue.requeue(letter).await.unwrap());
    assert!(!queue.requeue(letter).await.unwrap(), "it is gone");
    log.until_succeeded(2).await;
    until_empty(&queue).await;
    running.stop().await;
    assert_eq!((log.succeeded(), log.begun(1)), (vec![2, 1], 4));
    assert_eq!(status(&queue).await.dead_letters, 0);
}

#[tokio::test]
async fn dead_letters_are_read_page_by_page_and_only_the_latest_are_kept() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let queue = || queue(&server).partitions(1).max_dead_letters(5);
    // With a connection of its own, which ends with its runtime.
    let worker = || queue().worker(Calls::default().client()).max_attempts(1);
    let running = start_with(worker, async |_| Ok(failed()));
    let queue = queue();
    fill(&queue, (1..=8).map(|id| message(id, 7))).await;
    until_empty(&queue).await;
    running.stop().await;
    let (mut ids, mut last) = (Vec::new(), None);
    loop {
        let page = queue.dead_letters(last.as_deref(), 2).await.unwrap();
        let Some(letter) = page.last() else { break };
        last = Some(letter.id.clone());
        ids.extend(page.iter().map(|letter| letter.update.update_id()));
    }
    assert_eq!(ids, [4, 5, 6, 7, 8]);
    let letters = queue.dead_letters(None, 1).await.unwrap();
    assert!(queue.discard(&letters[0]).await.unwrap());
    assert!(!queue.discard(&letters[0]).await.unwrap(), "it is gone");
    assert_eq!(status(&queue).await.dead_letters, 4);
}

#[tokio::test]
async fn d6_an_update_that_kills_its_worker_is_abandoned_too() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server).lease(SECOND / 5), AttemptLog::default());
    let worker = || {
        let queue = super::support::queue(&server).lease(SECOND / 5);
        queue.worker(Calls::default().client()).max_attempts(2)
    };
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    for times in 1..=2 {
        let deadly = {
            let log = log.clone();
            move |asked: Asked| {
                log.begin(asked.body().update_id());
                pending()
            }
        };
        let mut running = start_with(worker, deadly);
        log.until_begun(1, times).await;
        running.kill();
    }
    let running = start_with(worker, super::support::succeeding(&log));
    until_empty(&queue).await;
    running.stop().await;
    assert_eq!((log.succeeded(), log.begun(1)), (vec![2], 2));
    let letters = queue.dead_letters(None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].failure.contains("did not finish"), "{letters:?}");
    assert_eq!(letters[0].attempts, 2);
}

/// A layer such as `SequenceLayer` has no room: that is no fault of the update's.
#[tokio::test]
async fn an_update_for_which_there_is_no_room_is_not_abandoned() {
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
                if log.begin(id) <= 3 {
                    return Ok(tower_telegram::webhook::Rejection::Overloaded.into_response());
                }
                log.succeed(id);
                Ok(done())
            }
        }
    };
    let worker = queue.worker(Calls::default().client()).max_attempts(1);
    fill(&queue, [message(1, 7)]).await;
    let running = start_with(|| worker, handler);
    until_updates(&queue, 0).await;
    running.stop().await;
    assert_eq!(log.succeeded(), [1]);
    assert_eq!(status(&queue).await.dead_letters, 0);
}

/// A sequence with its limit of waiting below the worker: the chat's second update waits longer than that
/// while the first runs.
#[tokio::test]
async fn d14_an_update_whose_turn_does_not_come_is_never_counted_against_it() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    // Two partitions' workers would each have an update of a chat; here all share one key.
    let sequence = SequenceLayer::by(|_: &RawUpdate| Some(0)).max_wait(SECOND / 50);
    let held = Arc::new(Semaphore::new(0));
    let handler = {
        let (log, held) = (log.clone(), Arc::clone(&held));
        move |asked: Asked| {
            let (log, held) = (log.clone(), Arc::clone(&held));
            async move {
                let id = asked.body().update_id();
                log.begin(id);
                held.acquire().await.unwrap().forget();
                log.succeed(id);
                Ok::<_, Infallible>(done())
            }
        }
    };
    let service = sequence.layer(service_fn(handler));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let service = service.map_response(move |response| {
        counted.fetch_add(
            usize::from(!response.status().is_success()),
            Ordering::Relaxed,
        );
        response
    });
    let worker = queue.worker(Calls::default().client()).max_attempts(1);
    fill(&queue, [message(1, 7), message(2, 8)]).await;
    let running = serve(|| worker, service);
    // So often as would have abandoned it three times.
    until(|| count.load(Ordering::Relaxed) >= 3, "it waits in vain").await;
    assert_eq!(status(&queue).await.dead_letters, 0);
    held.add_permits(2);
    until_updates(&queue, 0).await;
    running.stop().await;
    let mut succeeded = log.succeeded();
    succeeded.sort_unstable();
    assert_eq!(succeeded, [1, 2]);
    assert_eq!(status(&queue).await.dead_letters, 0);
}

/// A handler that counts its calls, and replies.
fn replying(
    log: &AttemptLog,
) -> impl Fn(Asked) -> futures_util::future::BoxFuture<'static, Result<Response<ReplyBody>, Infallible>>
+ Clone
+ Send
+ Sync
+ 'static {
    let log = log.clone();
    move |asked: Asked| {
        let log = log.clone();
        Box::pin(async move {
            log.begin(asked.body().update_id());
            log.succeed(asked.body().update_id());
            let reply = Reply::raw("sendDice", &serde_json::json!({})).expect("a reply");
            Ok(replied(reply).await)
        })
    }
}

#[tokio::test]
async fn d14_a_shutdown_that_cuts_off_the_call_of_a_reply_doesnt_count_the_attempt() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let telegram = PolledTelegram::default();
    telegram.state().holds_others = true;
    fill(&queue, [message(1, 7)]).await;
    let worker = || queue.worker(telegram.client()).max_attempts(1);
    let service = || service_fn(replying(&log));
    let running = serve(|| worker().shutdown_timeout(SECOND / 20), service());
    log.until_succeeded(1).await;
    running.stop().await;
    assert_eq!(status(&queue).await.dead_letters, 0);
    telegram.state().holds_others = false;
    let running = serve(worker, service());
    until_empty(&queue).await;
    running.stop().await;
    assert_eq!(log.succeeded(), [1, 1]);
    assert_eq!(telegram.state().others, ["sendDice"]);
    assert_eq!(status(&queue).await.dead_letters, 0);
}

/// It was carried out, and the shutdown didn't wait for its response: another worker must not send it too.
#[tokio::test]
async fn d16_a_reply_that_telegram_has_when_a_shutdown_cuts_it_off_is_not_sent_again() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let telegram = PolledTelegram::default();
    let late = Mishap::Late(SECOND * 60);
    telegram.state().other_mishaps.push_back(late);
    fill(&queue, [message(1, 7)]).await;
    let worker = || queue.worker(telegram.client()).max_attempts(1);
    let service = || service_fn(replying(&log));
    let running = serve(|| worker().shutdown_timeout(SECOND / 20), service());
    until(
        || telegram.state().others == ["sendDice"],
        "it is carried out",
    )
    .await;
    running.stop().await;
    let running = serve(worker, service());
    until_empty(&queue).await;
    running.stop().await;
    assert_eq!(log.succeeded(), [1]);
    assert_eq!(telegram.state().others, ["sendDice"]);
    assert_eq!(status(&queue).await.dead_letters, 0);
}

/// The update was handled, so it is done, though its reply is lost.
#[tokio::test]
async fn d14_a_shutdown_ends_the_pause_before_a_reply_is_sent_again() {
    const FLOOD: &str = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 15","parameters":{"retry_after":15}}"#;
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let telegram = PolledTelegram::default();
    let flood = Mishap::Answer(429, FLOOD);
    telegram.state().other_mishaps.push_back(flood);
    fill(&queue, [message(1, 7)]).await;
    let worker = queue.worker(telegram.client()).max_attempts(1);
    // A second is less than the pause: its end alone would cut the attempt off, and the handler would run again.
    let worker = worker.shutdown_timeout(SECOND);
    let running = serve(|| worker, service_fn(replying(&log)));
    until(
        || telegram.state().other_mishaps.is_empty(),
        "it is refused",
    )
    .await;
    running.stop().await;
    until_empty(&queue).await;
    assert_eq!(log.succeeded(), [1]);
    assert_eq!(telegram.state().others, [""; 0]);
    assert_eq!(status(&queue).await.dead_letters, 0);
}

#[tokio::test]
async fn d15_a_permanent_failure_is_a_dead_letter_after_one_attempt() {
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let handler = {
        let log = log.clone();
        move |asked: Asked| {
            log.begin(asked.body().update_id());
            ready(Err::<Response<ReplyBody>, _>(Failure::permanent(
                "no such order",
            )))
        }
    };
    let worker = queue.worker(Calls::default().client());
    fill(&queue, [message(1, 7)]).await;
    let running = serve(|| worker, service_fn(handler));
    until_empty(&queue).await;
    running.stop().await;
    assert_eq!(log.begun(1), 1);
    let letters = queue.dead_letters(None, 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts), (1, 1));
    assert!(letters[0].failure.contains("no such order"), "{letters:?}");
}

/// A refusal of the Bot API to a handler's call, and a reply that is too long.
#[tokio::test]
async fn d15_e7_what_a_repeat_cant_change_is_a_dead_letter_after_one_attempt() {
    const BLOCKED: &str =
        r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#;
    let Some(server) = RedisServer::start().await else {
        return;
    };
    let (queue, log) = (queue(&server), AttemptLog::default());
    let telegram = PolledTelegram::default();
    let blocked = Mishap::Answer(403, BLOCKED);
    telegram.state().other_mishaps.push_back(blocked);
    let handler = {
        let (log, client) = (log.clone(), telegram.client());
        move |asked: Asked| {
            let (log, client) = (log.clone(), client.clone());
            async move {
                let id = asked.body().update_id();
                log.begin(id);
                let text = if id == 1 { 1 } else { Reply::MAX_ARGUMENTS };
                let hello = SendMessage::new(7, "x".repeat(text));
                if id == 1 {
                    client.send(hello.clone()).await?;
                }
                Ok::<_, BoxError>(replied(hello.into_reply()?).await)
            }
        }
    };
    fill(&queue, [message(1, 7), message(2, 7)]).await;
    let worker = queue.worker(telegram.client());
    let running = start_with(|| worker, handler);
    until_empty(&queue).await;
    running.stop().await;
    assert_eq!((log.begun(1), log.begun(2)), (1, 1));
    let letters = queue.dead_letters(None, 10).await.unwrap();
    let failures: Vec<_> = letters.iter().map(|letter| &*letter.failure).collect();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures[0].contains("bot was blocked"), "{failures:?}");
    assert!(
        failures[1].contains("at most 1048576 bytes"),
        "{failures:?}"
    );
    assert_eq!(telegram.state().others, [""; 0], "no reply is called");
}
