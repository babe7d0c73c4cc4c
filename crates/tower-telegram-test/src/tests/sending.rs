use super::*;

#[tokio::test]
async fn the_request_is_telegrams_byte_for_byte() {
    let mut bot = Bot::start(&[]).await;
    let telegram = telegram_for(&bot).await;
    let address = bot
        .url
        .trim_start_matches("http://")
        .trim_end_matches("/hook")
        .to_owned();
    telegram
        .set_webhook(&format!("http://us%20er:pw@{address}?a=b c#d"), "se-cret")
        .unwrap();
    telegram
        .deliver_once(json!({"message": {"text": "é/😀"}, "update_id": 7}))
        .await
        .unwrap();
    let body = "{\"update_id\":7,\n\"message\":{\"text\":\"\\u00e9/\\ud83d\\ude00\"}}";
    let expected = format!(
        "POST /?a=b%20c#d HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic dXMlMjBlcjpwdw==\r\n\
         X-Telegram-Bot-Api-Secret-Token: se-cret\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(bot.seen(), [(1, expected)]);
}

#[tokio::test]
async fn head_and_body_are_written_apart() {
    let session = webhook::session::WebhookSession::new(
        WebhookSettings {
            url: "http://h/".into(),
            secret_token: None,
            ip_address: None,
            max_connections: 1,
            allowed_updates: None,
            certificate: None,
        },
        webhook::url::WebhookUrl::parse("http://h/").unwrap(),
        None,
        Arc::default(),
        clock::Clock::default(),
    );
    let whole = RawRequest::new().body("{}").build(&session).pieces;
    assert_eq!(whole.len(), 2);
    assert!(whole[0].ends_with(b"\r\n\r\n"));
    assert_eq!(whole[1].as_ref(), b"{}");
    let bytes = RawRequest::new()
        .body("{}")
        .in_pieces(1, Duration::ZERO)
        .build(&session)
        .pieces;
    assert_eq!(bytes.len(), whole.concat().len());
}

#[tokio::test]
async fn updates_are_numbered_and_share_a_connection() {
    let mut bot = Bot::start(&[]).await;
    let telegram = telegram_for(&bot).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let exchange = telegram.deliver(update::text(7, "hi")).await;
        assert!(exchange.is_delivered());
        assert_eq!(exchange.attempts[0].connection, Some(1));
        ids.push(exchange.update_id);
    }
    assert_eq!(ids, [815_000_001, 815_000_002, 815_000_003]);
    assert_eq!(
        bot.seen()
            .iter()
            .map(|(connection, _)| *connection)
            .collect::<Vec<_>>(),
        [1, 1, 1]
    );
}

#[tokio::test]
async fn each_update_under_way_has_a_connection_of_its_own() {
    let mut bot = Bot::start(&[]).await;
    let telegram = telegram_for(&bot).await;
    tokio::join!(
        telegram.deliver(update::text(7, "a")),
        telegram.deliver(update::text(8, "b"))
    );
    assert_eq!(
        bot.seen()
            .iter()
            .map(|(connection, _)| *connection)
            .sum::<usize>(),
        1 + 2
    );
}

#[tokio::test]
async fn g6_a_head_over_4068_bytes_is_never_sent() {
    let bot = Bot::start(&[]).await;
    let telegram = telegram_for(&bot).await;
    let set = |length: usize| {
        let url = format!("{}/{}", bot.url, "a".repeat(length));
        telegram.set_webhook(&url, None).unwrap();
    };
    set(4068);
    let error = telegram.deliver_once(update::text(7, "a")).await;
    let Err(Error::HeadTooLarge { bytes }) = error else {
        panic!("{error:?}");
    };
    let room = 4068 - (bytes - 4068);
    set(room + 1);
    let error = telegram.deliver_once(update::text(7, "a")).await;
    assert!(
        matches!(error, Err(Error::HeadTooLarge { bytes: 4069 })),
        "{error:?}"
    );
    set(room);
    assert!(telegram.deliver_once(update::text(7, "a")).await.is_ok());
}

#[tokio::test]
async fn a_head_that_is_far_too_long_is_never_sent() {
    let bot = Bot::start(&[]).await;
    let telegram = telegram_for(&bot).await;
    telegram
        .set_webhook(&format!("{}/{}", bot.url, "a".repeat(4096)), None)
        .unwrap();
    let error = telegram
        .deliver_once(update::text(7, "a"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::HeadTooLarge { bytes: 4097.. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_raw_request_is_what_the_test_made_it() {
    let mut bot = Bot::start(&[]).await;
    let telegram = telegram_for(&bot).await;
    let request = RawRequest::new()
        .method("PUT")
        .secret("wrong")
        .header("x-telegram-bot-api-secret-token", "two")
        .body("{}");
    let attempt = telegram
        .post_raw(
            request
                .without_header("Content-Type")
                .without_header("accept-encoding"),
        )
        .await
        .unwrap();
    assert_eq!(attempt.status, Some(200));
    let (_, request) = &bot.seen()[0];
    assert!(
        request.starts_with("PUT /hook HTTP/1.1\r\nHost: "),
        "{request}"
    );
    assert!(
        request.ends_with(
            "\r\nX-Telegram-Bot-Api-Secret-Token: wrong\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\
             x-telegram-bot-api-secret-token: two\r\n\r\n{}"
        ),
        "{request}"
    );
    let session = telegram.inner.state.webhook.session().unwrap();
    let chunked = RawRequest::new().body("abcde").chunked(3).build(&session);
    assert_eq!(
        chunked.pieces[1].as_ref(),
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    );
    let cut = RawRequest::new()
        .body("abcde")
        .stop_after(10)
        .build(&session);
    assert_eq!(
        (cut.pieces.concat().as_slice(), cut.is_complete),
        (&b"POST /hook"[..], false)
    );
}
