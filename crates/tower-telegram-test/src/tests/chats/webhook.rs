use super::*;

#[tokio::test]
async fn with_a_webhook_an_act_ends_when_the_bot_has_answered() {
    let reply = r#"{"method":"sendMessage","chat_id":101,"text":"Hello, Ada"}"#;
    let bot = Bot::start(&[&json_response(reply)]).await;
    let telegram = telegram_for(&bot).await;
    let ada = telegram.user("Ada");
    let sent = ada.sends("/start").await.unwrap();
    let exchange = sent.delivered.exchange.unwrap();
    assert!(exchange.reply.unwrap().is_ok());
    let hello = ada.waits_for_message().await.unwrap();
    assert_eq!(hello.text.as_deref(), Some("Hello, Ada"));
    assert_eq!(telegram.pending_updates(), 0);
}

#[tokio::test]
async fn an_update_that_the_bot_does_not_take_is_an_error_with_its_attempts() {
    let failure = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
    let bot = Bot::start(&[failure; 5]).await;
    let telegram = telegram_for(&bot).await;
    let error = telegram.user("Ada").sends("hi").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("Wrong response from the webhook: 500 Oops"),
        "{error}"
    );
    let Error::NotTaken(exchange) = error else {
        panic!("{error}")
    };
    assert_eq!(exchange.attempts.len(), 5);
}

#[tokio::test]
async fn an_update_that_the_bot_abandons_is_an_error_with_the_last_failure() {
    let failure = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
    let taken = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let bot = Bot::start(&[failure, failure, failure, failure, taken]).await;
    let telegram = telegram_for(&bot).await;
    let error = telegram.user("Ada").sends("/fail").await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with("in 4 of 5 attempts, last with 500 Oops, and then gave it up"),
        "{text}"
    );
    let Error::Failed(exchange) = error else {
        panic!("{error}")
    };
    assert_eq!((exchange.attempts.len(), exchange.status()), (5, Some(200)));
    let last = exchange.last_failure().unwrap();
    assert_eq!(last.status, Some(500));
}

/// Neither a request for a later attempt nor a failure that ends is a failed update.
#[tokio::test]
async fn an_update_that_the_bot_takes_in_the_end_is_taken() {
    let failure = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
    let later = "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n";
    let taken = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let bot = Bot::start(&[failure, failure, taken, later, later, later, later, taken]).await;
    let telegram = telegram_for(&bot).await;
    for attempts in [3, 5] {
        let sent = telegram.user("Ada").sends("hi").await.unwrap();
        assert_eq!(sent.delivered.exchange.unwrap().attempts.len(), attempts);
    }
}
