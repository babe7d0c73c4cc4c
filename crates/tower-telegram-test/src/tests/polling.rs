use tokio::time::Instant;

use super::*;
use crate::bot_api::{answer::Answer, args::Args};

const CONFLICT: &str = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";

async fn start() -> Telegram {
    let builder = Telegram::builder().first_update_id(1).token("42:AA");
    builder.wait_timeout(5 * SECOND).start().await.unwrap()
}

/// A call past the sockets, so that paused time doesn't run while they work.
async fn answer(telegram: &Telegram, form: &str) -> Answer {
    let mut args = Args::default();
    args.read_form(form.as_bytes()).unwrap();
    let call = Call::new("getUpdates".to_owned(), &args, Via::Http, false);
    telegram.inner.state.get_updates(call, &args).await
}

async fn ids(telegram: &Telegram, form: &str) -> Vec<u64> {
    let answer = answer(telegram, form).await.to_value();
    let updates = answer["result"].as_array().unwrap();
    updates
        .iter()
        .map(|update| update["update_id"].as_u64().unwrap())
        .collect()
}

fn enqueue(telegram: &Telegram, count: usize) {
    for _ in 0..count {
        telegram.enqueue(update::text(7, "hi")).unwrap();
    }
}

#[tokio::test]
async fn updates_are_served_until_they_are_confirmed() {
    let telegram = start().await;
    let first = telegram.enqueue(json!({"message": {"text": "é"}})).unwrap();
    let second = telegram.enqueue(json!({"poll": {}})).unwrap();
    let get = async |offset: u64| {
        let path = format!("/bot42:AA/getUpdates?offset={offset}");
        let response = call(&telegram, &get(&path)).await;
        response.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    assert_eq!(
        get(0).await,
        "{\"ok\":true,\"result\":[{\"update_id\":1,\n\"message\":{\"text\":\"\\u00e9\"}},{\"update_id\":2,\n\"poll\":{}}]}"
    );
    assert_eq!(telegram.pending_updates(), 2);
    assert_eq!(
        get(first + 1).await,
        "{\"ok\":true,\"result\":[{\"update_id\":2,\n\"poll\":{}}]}"
    );
    telegram.wait_until_confirmed(first).await.unwrap();
    assert_eq!(telegram.pending_updates(), 1);
    assert_eq!(get(second + 1).await, "{\"ok\":true,\"result\":[]}");
    telegram.wait_until_confirmed(second).await.unwrap();
    assert_eq!(telegram.pending_updates(), 0);
}

#[tokio::test(start_paused = true)]
async fn limit_is_clamped() {
    let telegram = start().await;
    enqueue(&telegram, 102);
    for (form, expected) in [
        ("", 100),
        ("limit=1000&offset=1", 100),
        ("limit=3", 3),
        ("limit=0&offset=1", 1),
        ("limit=-5", 1),
        ("limit=x&offset=1", 1),
    ] {
        assert_eq!(ids(&telegram, form).await.len(), expected, "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_with_the_first_update() {
    let telegram = start().await;
    let started = Instant::now();
    let (found, ()) = tokio::join!(ids(&telegram, "timeout=50"), async {
        tokio::time::sleep(7 * SECOND).await;
        enqueue(&telegram, 2);
    });
    assert_eq!(found, [1, 2]);
    assert_eq!(started.elapsed(), 7 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_without_updates_ends_with_its_timeout() {
    for (form, seconds) in [
        ("timeout=0", 0),
        ("", 0),
        ("timeout=7", 7),
        ("timeout=-1", 0),
        ("timeout=1000", 50),
    ] {
        let telegram = start().await;
        let started = Instant::now();
        assert_eq!(ids(&telegram, form).await, [0; 0]);
        assert_eq!(started.elapsed().as_secs(), seconds, "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_repeats_its_offset_at_once_is_slowed_down() {
    let telegram = start().await;
    assert_eq!(ids(&telegram, "offset=1").await, [0; 0]);
    let started = Instant::now();
    assert_eq!(ids(&telegram, "offset=1&timeout=1").await, [0; 0]);
    assert_eq!(started.elapsed(), 3 * SECOND);
    enqueue(&telegram, 2);
    assert_eq!(ids(&telegram, "offset=1").await, [1, 2]);
    assert_eq!(ids(&telegram, "offset=1").await, [1]);
    assert_eq!(ids(&telegram, "offset=2").await, [2]);
    assert_eq!(started.elapsed(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_ends_the_one_that_waited() {
    let telegram = start().await;
    let (first, second) = tokio::join!(answer(&telegram, "timeout=50"), async {
        telegram.wait_for_call("getUpdates").await.unwrap();
        assert_eq!(ids(&telegram, "offset=-1").await, [0; 0], "doesn't wait");
        answer(&telegram, "timeout=9").await
    });
    assert_eq!(first.as_error(), Some((409, CONFLICT)));
    assert_eq!(second.to_value()["result"], json!([]));
    let responses: Vec<_> = telegram
        .calls()
        .into_iter()
        .map(|call| call.response)
        .collect();
    assert_eq!(responses[0]["error_code"], 409);
    assert_eq!(responses[2]["ok"], true);
}

#[tokio::test(start_paused = true)]
async fn one_conflict_after_another_is_answered_late() {
    let telegram = start().await;
    telegram.set_webhook("http://127.0.0.1:1/", None).unwrap();
    let delay = async || answer(&telegram, "").await.delay();
    assert_eq!(delay().await, Duration::ZERO);
    assert_eq!(delay().await, 3 * SECOND);
    tokio::time::advance(3 * SECOND).await;
    assert_eq!(delay().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn set_webhook_ends_a_waiting_call_even_if_it_is_refused() {
    for url in ["http://127.0.0.1:1/", "nonsense:"] {
        let telegram = start().await;
        let (waiting, ()) = tokio::join!(answer(&telegram, "timeout=50"), async {
            telegram.wait_for_call("getUpdates").await.unwrap();
            telegram.set_webhook("", None).unwrap();
            telegram.set_webhook(url, None).ok();
        });
        let text = "Conflict: terminated by setWebhook request";
        assert_eq!(waiting.as_error(), Some((409, text)), "{url}");
    }
}

#[tokio::test]
async fn only_the_types_that_are_asked_for_are_queued() {
    let telegram = start().await;
    let is_queued = |kind: &str| telegram.enqueue(json!({kind: {}})).is_ok();
    assert!(is_queued("message") && is_queued("poll") && !is_queued("chat_member"));
    assert!(is_queued("from_the_future"), "a test must mean it");
    let asked = "offset=-9&allowed_updates=[\"poll\",\"chat_member\"]";
    assert_eq!(ids(&telegram, asked).await, [1, 2, 3], "queued before");
    assert!(!is_queued("message") && is_queued("poll") && is_queued("chat_member"));
    ids(&telegram, "").await;
    assert!(!is_queued("message"), "not given: unchanged");
    let error = telegram.enqueue(update::text(7, "a")).unwrap_err();
    assert!(
        matches!(&error, Error::NotAllowed { update_type } if update_type == "message"),
        "{error}"
    );
}

#[tokio::test]
async fn pending_updates_are_counted_and_can_be_dropped() {
    let telegram = start().await;
    let ask = async |what: &str| call(&telegram, &get(&format!("/bot42:AA/{what}"))).await;
    enqueue(&telegram, 3);
    let info = ask("getWebhookInfo").await;
    assert!(info.contains(r#""pending_update_count":3"#), "{info}");
    ask("deleteWebhook").await;
    assert_eq!(telegram.pending_updates(), 3);
    let dropped = ask("deleteWebhook?drop_pending_updates=true").await;
    assert!(dropped.contains("Webhook was deleted"), "{dropped}");
    assert_eq!(telegram.pending_updates(), 0);
    enqueue(&telegram, 2);
    ask("setWebhook?url=http://127.0.0.1:1/&drop_pending_updates=1").await;
    assert_eq!(telegram.pending_updates(), 0);
}

#[tokio::test]
async fn what_a_webhook_has_not_taken_waits_for_get_updates() {
    let telegram = start().await;
    telegram.set_webhook("http://127.0.0.1:1/", None).unwrap();
    let id = telegram.enqueue(update::text(7, "a")).unwrap();
    let (exchange, ()) = tokio::join!(telegram.deliver(update::text(7, "b")), async {
        tokio::task::yield_now().await;
        telegram.set_webhook("", None).unwrap();
    });
    assert!(
        matches!(exchange.outcome, ExchangeOutcome::Stopped),
        "{exchange:?}"
    );
    while telegram.inner.state.webhook.queue.len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ids(&telegram, "").await, [id, exchange.update_id]);
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_that_never_comes_is_an_error() {
    let telegram = start().await;
    enqueue(&telegram, 1);
    ids(&telegram, "").await;
    let error = telegram.wait_until_confirmed(1).await.unwrap_err();
    assert_eq!(error.to_string(), "update 1 was not confirmed within 5s");
}
