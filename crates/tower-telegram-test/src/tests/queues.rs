use tokio::time::Instant;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// One whose time only the test moves, with a webhook on one connection.
async fn start(bot: &Bot) -> Telegram {
    let builder = Telegram::builder().paused_clock().first_update_id(1);
    let telegram = builder.start().await.unwrap();
    let mut args = Args::default();
    let form = format!("url={}&max_connections=1", bot.url);
    args.read_form(form.as_bytes()).unwrap();
    telegram.set_webhook_args(&args).unwrap();
    telegram
}

fn error(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n")
}

/// Waits until nothing is under way.
async fn settled(telegram: &Telegram) {
    let nothing = async {
        while telegram.inner.state.webhook.sender.under_way() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(5 * SECOND, nothing).await.unwrap();
}

#[tokio::test]
async fn a_chat_waits_for_its_failed_update_while_others_go_on() {
    let no = error("500 No", "");
    let mut bot = Bot::start(&[&no, &no]).await;
    let telegram = start(&bot).await;
    for chat in [7, 7, 8] {
        telegram.enqueue(update::text(chat, "hi")).unwrap();
    }
    assert_eq!(bot.next_ids(3).await, [1, 1, 3]);
    settled(&telegram).await;
    telegram.advance(2 * SECOND);
    assert_eq!(bot.next_ids(2).await, [1, 2]);
    telegram.wait_until_confirmed(2).await.unwrap();
    settled(&telegram).await;
    assert_eq!(telegram.pending_updates(), 0);
}

#[tokio::test]
async fn twice_as_many_failing_chats_as_connections_block_all_others() {
    let busy = error("503 Busy", "Retry-After: 100\r\n");
    let mut bot = Bot::start(&[&busy, &busy]).await;
    let telegram = start(&bot).await;
    for chat in [7, 8, 9] {
        telegram.enqueue(update::text(chat, "hi")).unwrap();
    }
    assert_eq!(bot.next_ids(2).await, [1, 2]);
    settled(&telegram).await;
    telegram.advance(100 * SECOND);
    assert_eq!(bot.next_ids(3).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_message_and_a_callback_query_of_a_chat_come_at_once_and_two_messages_do_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let telegram = Telegram::start().await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    telegram.set_webhook(&url, None).unwrap();
    for update in [
        update::text(7, "first"),
        update::callback_query(7, "second"),
        update::text(7, "third"),
    ] {
        telegram.enqueue(update).unwrap();
    }
    let read = async || {
        let (mut stream, _) = listener.accept().await.unwrap();
        let message = read_message(&mut stream, &mut Vec::new()).await;
        (stream, message.unwrap())
    };
    let ((_one, first), (_two, second)) = (read().await, read().await);
    let both = first + &second;
    assert!(both.contains("first") && both.contains("second"), "{both}");
    assert_eq!(telegram.inner.state.webhook.sender.under_way(), 2);
}

#[tokio::test]
async fn what_was_queued_before_is_sent_when_a_webhook_is_set() {
    let mut bot = Bot::start(&[]).await;
    let telegram = Telegram::builder()
        .first_update_id(1)
        .start()
        .await
        .unwrap();
    for text in ["a", "b"] {
        telegram.enqueue(update::text(7, text)).unwrap();
    }
    telegram.set_webhook(&bot.url, None).unwrap();
    assert_eq!(bot.next_ids(2).await, [1, 2]);
    telegram.wait_until_confirmed(2).await.unwrap();
    assert_eq!(telegram.pending_updates(), 0);
}

#[tokio::test]
async fn what_is_dropped_with_all_others_is_not_sent_again() {
    let busy = error("503 Busy", "Retry-After: 100\r\n");
    let mut bot = Bot::start(&[&busy]).await;
    let telegram = start(&bot).await;
    let (exchange, ()) = tokio::join!(telegram.deliver(update::text(7, "a")), async {
        bot.next_ids(1).await;
        settled(&telegram).await;
        let form = format!("url={}&drop_pending_updates=true", bot.url);
        let mut args = Args::default();
        args.read_form(form.as_bytes()).unwrap();
        telegram.set_webhook_args(&args).unwrap();
    });
    assert!(
        matches!(exchange.outcome, ExchangeOutcome::Dropped),
        "{exchange:?}"
    );
    telegram.deliver(update::text(7, "b")).await;
    assert_eq!(bot.next_ids(1).await, [2]);
}

#[tokio::test]
async fn a_new_webhook_is_tried_at_once() {
    let busy = error("503 Busy", "Retry-After: 3000\r\n");
    let mut old = Bot::start(&[&busy]).await;
    let mut new = Bot::start(&[]).await;
    let telegram = start(&old).await;
    let id = telegram.enqueue(update::text(7, "a")).unwrap();
    old.next_ids(1).await;
    telegram.set_webhook(&new.url, None).unwrap();
    assert_eq!(new.next_ids(1).await, [id]);
}

#[tokio::test]
async fn the_clock_moves_what_telegram_waits_for() {
    let no = error("500 No", "");
    let mut bot = Bot::start(&[&no, &no, &no]).await;
    let telegram = start(&bot).await;
    let (exchange, ()) = tokio::join!(telegram.deliver(update::text(7, "a")), async {
        bot.next_ids(2).await;
        for seconds in [2, 4] {
            settled(&telegram).await;
            telegram.advance(seconds * SECOND);
            bot.next_ids(1).await;
        }
    });
    let waits: Vec<_> = exchange
        .attempts
        .iter()
        .map(|attempt| attempt.wait)
        .collect();
    assert_eq!(
        waits,
        [Duration::ZERO, 2 * SECOND, 4 * SECOND, Duration::ZERO]
    );
    assert!(exchange.is_delivered());
}

#[tokio::test]
async fn an_update_whose_life_ended_is_not_sent() {
    let mut bot = Bot::start(&[]).await;
    let telegram = Telegram::builder()
        .first_update_id(1)
        .start()
        .await
        .unwrap();
    telegram.enqueue(update::inline_query(7, "a")).unwrap();
    telegram.enqueue(update::callback_query(7, "b")).unwrap();
    telegram.advance(31 * SECOND);
    telegram.set_webhook(&bot.url, None).unwrap();
    assert_eq!(bot.next_ids(1).await, [2]);
    telegram.wait_until_confirmed(2).await.unwrap();
    settled(&telegram).await;
    assert_eq!(telegram.pending_updates(), 0);
    assert!(bot.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_life_ended_is_not_given_out() {
    let telegram = Telegram::start().await.unwrap();
    telegram.enqueue(update::inline_query(7, "a")).unwrap();
    telegram.enqueue(update::callback_query(7, "b")).unwrap();
    for (seconds, left) in [(30, 2), (1, 1), (119, 1), (1, 0)] {
        telegram.advance(seconds * SECOND);
        let updates = telegram.inner.state.webhook.queue.get(0, 100);
        let updates = updates.unwrap_or_default();
        assert_eq!(updates.matches("update_id").count(), left, "{updates}");
        assert_eq!(telegram.pending_updates(), left);
    }
}

#[tokio::test]
async fn a_webhook_that_is_gone_for_23_hours_is_deleted() {
    let gone = error("410 Gone", "");
    let mut bot = Bot::start(&[&gone, &gone, &gone]).await;
    let telegram = start(&bot).await;
    let id = telegram.enqueue(update::text(7, "a")).unwrap();
    assert_eq!(bot.next_ids(2).await, [id, id]);
    settled(&telegram).await;
    telegram.advance(23 * HOUR + SECOND);
    assert_eq!(bot.next_ids(1).await, [id]);
    settled(&telegram).await;
    assert_eq!(telegram.webhook(), None);
    assert_eq!(telegram.pending_updates(), 1);
}

#[tokio::test]
async fn any_other_answer_begins_the_23_hours_anew() {
    let bot = Bot::start(&[]).await;
    let telegram = start(&bot).await;
    let session = telegram.inner.state.webhook.session().unwrap();
    let record = |status: u16| {
        let mut attempt = Attempt::failed(AttemptError::Closed, None, Duration::ZERO);
        attempt.status = Some(status);
        session.record(&attempt)
    };
    assert!(!record(410));
    telegram.advance(24 * HOUR);
    assert!(!record(500) && !record(410));
    telegram.advance(23 * HOUR);
    assert!(!record(410));
    telegram.advance(SECOND);
    assert!(record(410));
}

#[tokio::test(start_paused = true)]
async fn at_true_pace_a_refused_connection_is_tried_each_two_seconds() {
    let builder = Telegram::builder().true_pace().max_wait(Duration::ZERO);
    let telegram = builder.max_attempts(4).start().await.unwrap();
    telegram.set_webhook("http://127.0.0.1:1/", None).unwrap();
    let started = Instant::now();
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert_eq!(exchange.attempts.len(), 4);
    assert_eq!(started.elapsed().as_secs(), 6);
}

#[tokio::test]
async fn at_true_pace_a_webhook_that_works_gets_ten_connections_and_then_one_each_50_ms() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = Telegram::builder().true_pace().paused_clock();
    let telegram = builder.start().await.unwrap();
    for chat in 1..=14 {
        telegram.enqueue(update::text(chat, "hi")).unwrap();
    }
    let url = format!("http://{}/", listener.local_addr().unwrap());
    telegram.set_webhook(&url, None).unwrap();
    // Longer than the sender needs to start all that it may.
    let under_way = async || {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        telegram.inner.state.webhook.sender.under_way()
    };
    assert_eq!(under_way().await, 1, "nothing has succeeded yet");
    let (mut stream, _) = listener.accept().await.unwrap();
    read_message(&mut stream, &mut Vec::new()).await.unwrap();
    stream.write_all(OK.as_bytes()).await.unwrap();
    telegram.wait_until_confirmed(815_000_001).await.unwrap();
    assert_eq!(under_way().await, 1 + 10);
    telegram.advance(SECOND / 20);
    assert_eq!(under_way().await, 1 + 11);
    telegram.advance(SECOND / 20);
    assert_eq!(under_way().await, 1 + 12);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_60_seconds() {
    let bot = Bot::start(&[]).await;
    let telegram = telegram_for(&bot).await;
    for (seconds, expected) in [(0, 1), (50, 1), (60, 2)] {
        telegram.advance(seconds * SECOND);
        let exchange = telegram.deliver(update::text(7, "a")).await;
        assert_eq!(exchange.attempts[0].connection, Some(expected), "{seconds}");
    }
}

#[tokio::test]
async fn dates_follow_the_clock() {
    let telegram = Telegram::start().await.unwrap();
    let path = format!("/bot{}/sendMessage?chat_id=7&text=a", telegram.token());
    let date = async || {
        let response = call(&telegram, &get(&path)).await;
        let body: Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
        body["result"]["date"].as_u64().unwrap()
    };
    let before = date().await;
    telegram.advance(24 * HOUR);
    let passed = date().await - before;
    assert!((86_400..86_460).contains(&passed), "{passed}");
}

#[tokio::test]
async fn each_call_is_given_out_once_whatever_its_method() {
    let telegram = Telegram::builder()
        .wait_timeout(SECOND)
        .start()
        .await
        .unwrap();
    for method in ["getMe", "getWebhookInfo", "getMe"] {
        call(
            &telegram,
            &get(&format!("/bot{}/{method}", telegram.token())),
        )
        .await;
    }
    telegram.wait_for_call("getWebhookInfo").await.unwrap();
    for _ in 0..2 {
        assert!(telegram.next_call().await.unwrap().is("getMe"));
    }
}

#[tokio::test]
async fn a_panic_over_a_reply_does_not_hold_up_the_chat() {
    let reply = json_response(r#"{"method":"sendMessage","chat_id":7,"text":"hi"}"#);
    let bot = Bot::start(&[&reply]).await;
    let telegram = telegram_for(&bot).await;
    telegram.answer_with("sendMessage", |_| panic!("as a test's assertion may"));
    let first = telegram.deliver(update::text(7, "a")).await;
    assert!(
        matches!(first.outcome, ExchangeOutcome::Stopped),
        "{first:?}"
    );
    let second = timeout(SECOND, telegram.deliver(update::text(7, "b")));
    assert!(second.await.unwrap().is_delivered());
}
