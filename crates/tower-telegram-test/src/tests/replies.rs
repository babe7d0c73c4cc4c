use super::*;

/// The method that Telegram carried out for that response.
async fn reply(response: &str) -> Option<Call> {
    let bot = Bot::start(&[response]).await;
    let telegram = telegram_for(&bot).await;
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(exchange.is_delivered());
    assert_eq!(
        telegram.calls().len(),
        usize::from(exchange.reply.is_some())
    );
    exchange.reply
}

fn response(content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_method_is_carried_out_from_each_content_type() {
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsendMessage\r\n\
                     --b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n\
                     --b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhi there\r\n--b--\r\n";
    for (content_type, body) in [
        (
            "application/json",
            r#"{"method":"sendMessage","chat_id":7,"text":"hi there"}"#,
        ),
        (
            "x/y; application/json",
            r#"{"method":"sendMessage","chat_id":7,"text":"hi there", oops"#,
        ),
        (
            "application/x-www-form-urlencoded",
            "method=sendMessage&chat_id=7&text=hi+there",
        ),
        ("multipart/form-data; boundary=b", multipart),
    ] {
        let call = reply(&response(content_type, body))
            .await
            .expect(content_type);
        assert_eq!(
            (call.method.as_str(), call.via),
            ("sendMessage", Via::WebhookReply)
        );
        assert_eq!(
            (call.integer("chat_id"), call.text("text").as_deref()),
            (Some(7), Some("hi there"))
        );
        assert!(call.is_ok() && !call.params.contains_key("method"));
    }
    assert!(
        reply(&response("text/plain", r#"{"method":"sendMessage"}"#))
            .await
            .is_none()
    );
}

#[tokio::test]
async fn an_attached_file_is_found() {
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsendPhoto\r\n\
                     --b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n\
                     --b\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\nattach://f\r\n\
                     --b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nPNG\r\n--b--\r\n";
    let call = reply(&response("multipart/form-data; boundary=b", multipart))
        .await
        .unwrap();
    assert_eq!(call.file("photo").unwrap().bytes.as_ref(), b"PNG");
    assert_eq!(call.response["result"]["photo"][0]["file_size"], 3);
}

#[tokio::test]
async fn refused_methods_are_ignored_and_unknown_ones_fail_unseen() {
    for method in [
        "getMe",
        "setWebhook",
        "deleteWebhook",
        "close",
        "logOut",
        "",
    ] {
        assert!(
            reply(&json_response(&format!(r#"{{"method":"{method}"}}"#)))
                .await
                .is_none(),
            "{method}"
        );
    }
    let call = reply(&json_response(r#"{"method":"noSuchMethod"}"#))
        .await
        .unwrap();
    assert_eq!(call.response["description"], "Not Found: method not found");
}

#[tokio::test]
async fn arguments_over_a_mebibyte_fail_the_delivery() {
    let bot = Bot::start(&[&json_response(&format!(
        r#"{{"method":"sendMessage","text":"{}"}}"#,
        "a".repeat(1 << 20)
    ))])
    .await;
    let telegram = telegram_for(&bot).await;
    let exchange = telegram.deliver(update::text(7, "a")).await;
    assert!(matches!(
        exchange.attempts[0].error,
        Some(AttemptError::Unreadable { code: 413, .. })
    ));
    assert!(exchange.is_delivered() && exchange.reply.is_none());
}
