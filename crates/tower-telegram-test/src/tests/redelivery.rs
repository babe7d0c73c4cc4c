use super::*;

#[tokio::test]
async fn retry_after_is_honoured_within_the_updates_life() {
    let busy = |seconds: u32| {
        format!("HTTP/1.1 503 Busy\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n")
    };
    let bot = Bot::start(&[&busy(140), &busy(200)]).await;
    let telegram = telegram_for(&bot).await;
    let exchange = telegram.deliver(update::callback_query(7, "a")).await;
    assert!(
        matches!(exchange.outcome, ExchangeOutcome::Dropped),
        "{exchange:?}"
    );
    let waits: Vec<_> = exchange
        .attempts
        .iter()
        .map(|attempt| attempt.wait.as_secs())
        .collect();
    assert_eq!(waits, [140, 200]);
    assert_eq!(
        exchange.attempts[0].retry_after,
        Some(Duration::from_secs(140))
    );
}

#[tokio::test]
async fn deleting_the_webhook_stops_it() {
    let bot =
        Bot::start(&["HTTP/1.1 503 Busy\r\nRetry-After: 3000\r\nContent-Length: 0\r\n\r\n"]).await;
    let telegram = Telegram::start().await.unwrap();
    telegram.set_webhook(&bot.url, None).unwrap();
    let (exchange, ()) = tokio::join!(telegram.deliver(update::text(7, "a")), async {
        while telegram
            .inner
            .state
            .webhook
            .session()
            .unwrap()
            .last_error()
            .is_none()
        {
            tokio::task::yield_now().await;
        }
        telegram.set_webhook("", None).unwrap();
    });
    assert!(
        matches!(exchange.outcome, ExchangeOutcome::Stopped),
        "{exchange:?}"
    );
    assert!(matches!(
        telegram.deliver(update::text(7, "a")).await.outcome,
        ExchangeOutcome::NotSent(Error::NoWebhook)
    ));
    assert!(matches!(
        telegram.deliver_once(json!([])).await,
        Err(Error::NotAnUpdate)
    ));
}
