use super::*;

async fn telegram_with(bot: &Bot, faults: Faults) -> Telegram {
    let telegram = telegram_for(bot).await;
    telegram.faults(faults);
    telegram
}

/// How often each text came, in the order they came in.
fn texts(bot: &mut Bot) -> Vec<String> {
    let requests = bot.seen().into_iter();
    requests
        .map(|(_, request)| {
            let body: Value =
                serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
            body["message"]["text"].as_str().unwrap().to_owned()
        })
        .collect()
}

const REPLY: &str = r#"{"method":"sendMessage","chat_id":7,"text":"hi"}"#;

#[tokio::test]
async fn a_duplicate_is_taken_twice_and_its_reply_carried_out_twice() {
    let mut bot = Bot::start(&[&json_response(REPLY), &json_response(REPLY)]).await;
    let telegram = telegram_with(&bot, Faults::new().duplicates(1.0)).await;
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(exchange.is_delivered() && exchange.reply.is_some());
    assert_eq!(exchange.attempts.len(), 2);
    assert_eq!(texts(&mut bot), ["a", "a"]);
    assert_eq!(telegram.calls().len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_no_answer() {
    let bot = Bot::start(&[&json_response(REPLY)]).await;
    let telegram = telegram_with(&bot, Faults::new().lost_answers(1.0)).await;
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(
        matches!(exchange.outcome, ExchangeOutcome::Undelivered),
        "{exchange:?}"
    );
    let connections: Vec<_> = exchange
        .attempts
        .iter()
        .map(|attempt| (attempt.error.clone(), attempt.connection))
        .collect();
    let lost = |number| (Some(AttemptError::Closed), Some(number));
    assert_eq!(connections, [1, 2, 3, 4, 5].map(lost));
    assert!(telegram.calls().is_empty());
}

#[tokio::test]
async fn the_first_answers_are_read_and_lost_as_often_as_asked_for() {
    let reply = json_response(REPLY);
    let mut bot = Bot::start(&[reply.as_str(); 6]).await;
    let telegram = telegram_with(&bot, Faults::new().first_answers_lost(2)).await;
    for round in 1..=2 {
        let exchange = telegram.deliver(update::text(7, "a")).await;
        assert!(exchange.is_delivered(), "{exchange:?}");
        let lost: Vec<_> = exchange
            .attempts
            .iter()
            .map(|attempt| (attempt.error.is_some(), attempt.status))
            .collect();
        assert_eq!(lost, [(true, None), (true, None), (false, Some(200))]);
        assert!(exchange.reply.is_some());
        assert_eq!(
            telegram.calls().len(),
            round,
            "only the last was carried out"
        );
    }
    assert_eq!(texts(&mut bot).len(), 6);
    telegram.faults(Faults::new().first_answers_lost(5));
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(
        matches!(exchange.outcome, ExchangeOutcome::Undelivered),
        "{exchange:?}"
    );
    assert_eq!(telegram.calls().len(), 2);
}

#[tokio::test]
async fn each_attempt_has_a_chance_of_its_own() {
    let bot = Bot::start(&[]).await;
    let telegram = telegram_with(&bot, Faults::new().lost_answers(0.5).seed(3)).await;
    for chat in 1..=40 {
        let exchange = telegram.deliver(update::text(chat, "a")).await;
        let last = exchange.attempts.len() - 1;
        let errors = exchange
            .attempts
            .iter()
            .map(|attempt| attempt.error.is_some());
        if exchange.is_delivered() {
            assert!(errors.enumerate().all(|(at, failed)| failed == (at < last)));
        } else {
            assert_eq!(last, 4);
        }
    }
}

#[tokio::test]
async fn an_update_may_be_overtaken_once() {
    let mut bot = Bot::start(&[]).await;
    let builder = Telegram::builder().first_update_id(1);
    let telegram = builder.start().await.unwrap();
    telegram.faults(Faults::new().reordered(1.0));
    for text in ["a", "b", "c", "d"] {
        telegram.enqueue(update::text(7, text)).unwrap();
    }
    telegram.set_webhook(&bot.url, None).unwrap();
    assert_eq!(bot.next_ids(4).await, [2, 1, 4, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_takes_its_time() {
    let mut bot = Bot::start(&[]).await;
    let telegram = Telegram::start().await.unwrap();
    telegram.set_webhook(&bot.url, None).unwrap();
    telegram.faults(Faults::new().slow_requests(1.0, SECOND));
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(exchange.is_delivered());
    assert_eq!(exchange.attempts[0].elapsed.as_secs(), 7);
    assert_eq!(texts(&mut bot), ["a"]);
}

/// The bytes that a client reads until the connection ends, and the reason of the end.
async fn read_all(telegram: &Telegram, path: &str) -> (String, std::io::Result<()>) {
    let address = telegram.api_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(get(path).as_bytes()).await.unwrap();
    let mut all = String::new();
    let end = timeout(SECOND, stream.read_to_string(&mut all))
        .await
        .unwrap();
    (all, end.map(|_| ()))
}

#[tokio::test]
async fn half_an_answer_ends_in_the_middle_and_a_reset_is_one() {
    let telegram = Telegram::builder().token("42:AA").start().await.unwrap();
    telegram.answer_once("getMe", Answer::ok("12345678").truncated());
    let (half, end) = read_all(&telegram, "/bot42:AA/getMe").await;
    assert!(half.contains("Content-Length: 31\r\n"), "{half}");
    assert!(half.ends_with("\r\n\r\n{\"ok\":true,\"res"), "{half}");
    assert!(end.is_ok());
    telegram.answer_once("getMe", Answer::reset());
    let (nothing, end) = read_all(&telegram, "/bot42:AA/getMe").await;
    assert_eq!(nothing, "");
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn calls_are_refused_or_carried_out_unheard() {
    let telegram = Telegram::builder().token("42:AA").start().await.unwrap();
    let ask = async || call(&telegram, &get("/bot42:AA/sendMessage?chat_id=7&text=a")).await;
    telegram.faults(Faults::new().too_many_requests(1.0, 5));
    assert!(ask().await.contains("retry after 5"));
    telegram.faults(Faults::new().server_errors(1.0));
    assert!(ask().await.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    telegram.faults(Faults::new().resets(1.0));
    assert_eq!(ask().await, "");
    telegram.faults(Faults::new().truncated_answers(1.0).methods(["getMe"]));
    assert!(ask().await.contains("\"message_id\""));
    let is_ok: Vec<_> = telegram.calls().iter().map(Call::is_ok).collect();
    assert_eq!(is_ok, [false, false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_comes_late() {
    let telegram = Telegram::builder().token("42:AA").start().await.unwrap();
    telegram.faults(Faults::new().slow_answers(1.0, SECOND / 2));
    let started = tokio::time::Instant::now();
    let answer = call(&telegram, &get("/bot42:AA/getMe")).await;
    assert!(answer.contains("\"id\":42"), "{answer}");
    assert_eq!(started.elapsed(), SECOND / 2);
}
