//! Answers that are none, and conflicts.

use std::time::Duration;

use tokio::time::sleep;
use tower_telegram::{polling::Polling, types::Update, webhook::Webhook};

use super::support::{Events, Running, text_of, text_recorder, until};
use crate::support::get_updates::{Mishap, PolledTelegram};

const SECOND: Duration = Duration::from_secs(1);
const PAGE: &str = "<html>not the Bot API</html>";

#[tokio::test(start_paused = true)]
async fn h4_a_page_that_is_not_the_bot_apis_is_waited_out_whatever_its_status() {
    for status in [
        200, 301, 302, 400, 401, 403, 404, 407, 409, 413, 421, 451, 500, 502, 511,
    ] {
        for body in [PAGE, "", "{\"error\":\"no route\"}", "[]", "null"] {
            let (telegram, events) = (PolledTelegram::default(), Events::new());
            let twice = [Mishap::Answer(status, body), Mishap::Answer(status, body)];
            telegram.state().mishaps.extend(twice);
            telegram.message(1, "good");
            let running = Running::start(Polling::new(telegram.client()), text_recorder(&events));
            until(
                || telegram.pending().is_empty() || running.is_finished(),
                body,
            )
            .await;
            assert!(!running.is_finished(), "{status} {body}");
            assert_eq!(events.names(), ["good"], "{status} {body}");
            running.stop().await;
        }
    }
}

/// Also in place of the responses to the first calls, which drop what waits or delete the webhook.
#[tokio::test(start_paused = true)]
async fn h4_a_page_in_place_of_the_first_responses_is_waited_out() {
    const ACTIVE: &str = r#"{"ok":false,"error_code":409,"description":"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}"#;
    for status in [200, 302, 401, 403, 404, 409, 421, 502] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        telegram.message(1, "old");
        let page = Mishap::Answer(status, PAGE);
        telegram
            .state()
            .mishaps
            .extend([page.clone(), page.clone()]);
        let polling = Polling::new(telegram.client()).drop_pending();
        let running = Running::start(polling, text_recorder(&events));
        until(
            || telegram.pending().is_empty() || running.is_finished(),
            "it is dropped",
        )
        .await;
        telegram.message(1, "good");
        events.until("good").await;
        assert_eq!(events.names(), ["good"], "{status}");
        running.stop().await;

        let (telegram, events) = (PolledTelegram::default(), Events::new());
        telegram.message(1, "good");
        telegram
            .state()
            .mishaps
            .push_back(Mishap::Answer(409, ACTIVE));
        telegram.state().other_mishaps.extend([page.clone(), page]);
        let polling = Polling::new(telegram.client()).delete_webhook();
        let running = Running::start(polling, text_recorder(&events));
        until(
            || events.count("good") == 1 || running.is_finished(),
            "it is deleted",
        )
        .await;
        assert!(!running.is_finished(), "{status}");
        assert_eq!(telegram.state().others, ["deleteWebhook"], "{status}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn h4_only_a_refusal_in_the_bot_apis_own_words_ends_it() {
    for (status, body) in [
        (
            401,
            r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
        ),
        (
            404,
            r#"{"ok":false,"error_code":404,"description":"Not Found"}"#,
        ),
        (
            400,
            r#"{"ok":false,"error_code":400,"description":"Bad Request: x"}"#,
        ),
        (
            409,
            r#"{"ok":false,"error_code":409,"description":"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}"#,
        ),
    ] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        telegram
            .state()
            .mishaps
            .push_back(Mishap::Answer(status, body));
        let running = Running::start(Polling::new(telegram.client()), text_recorder(&events));
        let error = running.end().await.expect_err("it is refused");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        assert_eq!(telegram.state().calls.len(), 0, "there is no other call");
    }
}

/// Running handlers end first, and done updates are confirmed.
#[tokio::test(start_paused = true)]
async fn h4_a_refusal_lets_the_handlers_that_run_end() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    telegram.message(1, "slow");
    let log = events.clone();
    let webhook = Webhook::without_secret_token().handler(move |update: Update| {
        let events = log.clone();
        async move {
            events.add("begins");
            sleep(SECOND * 5).await;
            events.add(text_of(&update));
        }
    });
    let polling = Polling::new(telegram.client());
    let running = Running::start(polling, webhook.into_updates());
    events.until("begins").await;
    let refusal = r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#;
    telegram
        .state()
        .mishaps
        .push_back(Mishap::Answer(401, refusal));
    assert!(
        running
            .end()
            .await
            .expect_err("it is refused")
            .is_unauthorized()
    );
    assert_eq!(events.names(), ["begins", "slow"]);
    assert!(telegram.pending().is_empty(), "what has ended is confirmed");
}

#[tokio::test(start_paused = true)]
async fn pauses_that_telegram_asks_for_are_bounded_both_ways() {
    for (after, at_most, at_least) in [
        ("0", 120, 5),
        ("-1", 120, 5),
        ("0.1", 120, 5),
        ("\"0\"", 120, 5),
        ("null", 120, 5),
        ("1000000000000000000", 2, 1),
        ("1e300", 120, 1),
    ] {
        let (telegram, events) = (PolledTelegram::default(), Events::new());
        let body = format!(
            r#"{{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{{"retry_after":{after}}}}}"#
        );
        let body: &'static str = body.leak();
        telegram
            .state()
            .mishaps
            .extend(std::iter::repeat_n(Mishap::Answer(429, body), 10_000));
        let running = Running::start(Polling::new(telegram.client()), text_recorder(&events));
        sleep(SECOND * 60).await;
        let calls = 10_000 - telegram.state().mishaps.len();
        assert!(
            (at_least..=at_most).contains(&calls),
            "{calls} calls in a minute: {after}"
        );
        telegram.state().mishaps.clear();
        telegram.message(1, "good");
        events.until("good").await;
        assert!(events.at("good") < SECOND * 7200, "{after}: {events:?}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn h5_another_programs_call_loses_nothing_and_doubles_nothing() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    let running = Running::start(Polling::new(telegram.client()), text_recorder(&events));
    for n in 0..5 {
        sleep(SECOND).await;
        telegram.poll_elsewhere();
        telegram.message(n, &format!("update {n}"));
    }
    events.until("update 4").await;
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    assert_eq!(events.names().len(), 5, "{events:?}");
    running.stop().await;
}

/// Telegram's words may change around those that give the reason.
#[tokio::test(start_paused = true)]
async fn g5_a_webhook_is_known_by_the_errors_reason() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    let active = r#"{"ok":false,"error_code":409,"description":"Conflict: the Webhook is active, so use deleteWebhook first"}"#;
    telegram
        .state()
        .mishaps
        .push_back(Mishap::Answer(409, active));
    telegram.message(1, "good");
    let polling = Polling::new(telegram.client()).delete_webhook();
    let running = Running::start(polling, text_recorder(&events));
    events.until("good").await;
    assert_eq!(telegram.state().others, ["deleteWebhook"]);
    running.stop().await;
}

/// Neither what was lost on the way there nor what was lost on the way back is handled twice.
#[tokio::test(start_paused = true)]
async fn h5_lost_answers_lose_nothing_and_double_nothing() {
    let (telegram, events) = (PolledTelegram::default(), Events::new());
    for n in 0..40 {
        telegram.message(n % 7, &format!("update {n}"));
        let mishap = [Mishap::Lost, Mishap::Unsent][usize::from(n % 3 == 0)].clone();
        if n % 2 == 0 {
            telegram.state().mishaps.push_back(mishap);
        }
    }
    let running = Running::start(
        Polling::new(telegram.client()).limit(5),
        text_recorder(&events),
    );
    until(|| telegram.pending().is_empty(), "all are confirmed").await;
    assert_eq!(events.names().len(), 40, "{events:?}");
    running.stop().await;
}
