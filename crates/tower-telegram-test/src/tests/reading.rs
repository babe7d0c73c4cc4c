use super::*;

/// The result of a delivery with these responses: each attempt's error and connection.
async fn outcome(responses: &[&str]) -> Vec<(Option<String>, Option<u64>)> {
    let bot = Bot::start(responses).await;
    let telegram = telegram_for(&bot).await;
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(exchange.is_delivered());
    exchange
        .attempts
        .into_iter()
        .map(|attempt| {
            (
                attempt.error.map(|error| error.to_string()),
                attempt.connection,
            )
        })
        .collect()
}

fn failed(error: &str, connection: u64) -> (Option<String>, Option<u64>) {
    (Some(error.to_owned()), Some(connection))
}

#[tokio::test]
async fn every_2xx_is_success_and_nothing_else() {
    assert_eq!(
        outcome(&["HTTP/1.1 299 Whatever\r\n\r\n"]).await,
        [(None, Some(1))]
    );
    for status in ["101 Switching", "301 Moved", "404 Not Found", "500 Oh no"] {
        let response = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        let error = format!("Wrong response from the webhook: {status}");
        assert_eq!(
            outcome(&[&response]).await,
            [failed(&error, 1), (None, Some(1))]
        );
    }
}

#[tokio::test]
async fn an_interim_response_makes_a_duplicate() {
    let both = format!("HTTP/1.1 100 Continue\r\n\r\n{OK}");
    assert_eq!(
        outcome(&[&both]).await,
        [
            failed("Wrong response from the webhook: 100 Continue", 1),
            (None, Some(1))
        ]
    );
}

#[tokio::test]
async fn a_response_without_a_length_loses_its_method_and_repeats_the_next_update() {
    let mut bot = Bot::start(&[
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"method\":\"sendMessage\"}\r\n\r\n",
    ])
    .await;
    let telegram = telegram_for(&bot).await;
    let first = telegram.deliver(update::text(7, "a")).await;
    assert!(first.is_delivered() && first.reply.is_none());
    let second = telegram.deliver(update::text(7, "b")).await;
    assert_eq!(
        second.attempts[0].error.as_ref().unwrap().to_string(),
        "Not Implemented"
    );
    assert_eq!(second.attempts.len(), 2);
    assert_eq!(bot.seen().len(), 3, "the second came twice");
}

#[tokio::test]
async fn an_unreadable_response_gets_a_status_and_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let telegram = Telegram::start().await.unwrap();
    telegram
        .set_webhook(&format!("http://{}", listener.local_addr().unwrap()), None)
        .unwrap();
    let (exchange, rest) = tokio::join!(telegram.deliver_once(update::text(7, "a")), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_message(&mut stream, &mut Vec::new()).await.unwrap();
        stream.write_all(b"HTTP/2 200\r\n\r\n").await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        rest
    });
    let error = exchange.unwrap().attempts.remove(0).error.unwrap();
    assert_eq!(error.to_string(), "HTTP Version Not Supported");
    assert_eq!(
        rest,
        "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\n\r\n"
    );
}

#[tokio::test]
async fn time_runs_to_the_end_of_the_response() {
    let late = failed("Read timeout expired", 1);
    assert_eq!(
        outcome(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"]).await,
        [late.clone(), (None, Some(2))]
    );
    assert_eq!(
        outcome(&["HTTP/1.1 200 OK\nContent-Length: 0\n\n"]).await,
        [late, (None, Some(2))],
        "LF only"
    );
}

#[tokio::test]
async fn a_closed_connection_is_not_reported_and_a_close_is_honoured() {
    assert_eq!(
        outcome(&[""]).await,
        [failed("Webhook connection closed", 1), (None, Some(2))]
    );
    let close = "HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        outcome(&[close]).await,
        [
            failed("Wrong response from the webhook: 500 No", 1),
            (None, Some(2))
        ]
    );
    let old = "HTTP/1.0 500 No\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        outcome(&[old]).await,
        [
            failed("Wrong response from the webhook: 500 No", 1),
            (None, Some(2))
        ]
    );
}

#[tokio::test]
async fn the_last_error_is_kept_after_success() {
    let bot = Bot::start(&["HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", ""]).await;
    let telegram = telegram_for(&bot).await;
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(exchange.is_delivered());
    assert_eq!(exchange.attempts.len(), 3);
    let info = call(
        &telegram,
        &get(&format!("/bot{}/getWebhookInfo", telegram.token())),
    )
    .await;
    assert!(
        info.contains(r#""last_error_message":"Wrong response from the webhook: 500 No""#),
        "{info}"
    );
    assert!(
        info.contains(r#""ip_address":"127.0.0.1""#)
            && info.contains(r#""pending_update_count":0"#),
        "{info}"
    );
}

#[tokio::test]
async fn a_refused_connection_is_an_error_of_the_attempt() {
    let telegram = Telegram::builder()
        .max_wait(Duration::ZERO)
        .max_attempts(2)
        .start()
        .await
        .unwrap();
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    telegram
        .set_webhook(&format!("http://{closed}/"), None)
        .unwrap();
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(matches!(exchange.outcome, ExchangeOutcome::Undelivered));
    let errors: Vec<_> = exchange
        .attempts
        .iter()
        .map(|attempt| attempt.error.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(errors, ["Connection refused", "Connection refused"]);
}
