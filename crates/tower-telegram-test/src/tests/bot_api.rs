use std::io::Write as _;

use super::*;

const HEAD: &str = "Connection: keep-alive\r\nContent-Type: application/json\r\n";

async fn start() -> (Telegram, String) {
    let telegram = Telegram::builder()
        .token("42:AA")
        .wait_timeout(SECOND)
        .start()
        .await
        .unwrap();
    (telegram, "/bot42:AA".to_owned())
}

#[tokio::test]
async fn answers_are_the_servers_byte_for_byte() {
    let (telegram, bot) = start().await;
    assert_eq!(
        call(&telegram, &get(&format!("{bot}/deleteWebhook"))).await,
        format!(
            "HTTP/1.1 200 OK\r\n{HEAD}Content-Length: 68\r\n\r\n{{\"ok\":true,\"result\":true,\"description\":\"Webhook is already deleted\"}}"
        )
    );
    assert_eq!(
        call(&telegram, &get(&format!("{bot}/nothing"))).await,
        format!(
            "HTTP/1.1 404 Not Found\r\n{HEAD}Content-Length: 73\r\n\r\n{{\"ok\":false,\"error_code\":404,\"description\":\"Not Found: method not found\"}}"
        )
    );
    assert_eq!(
        call(&telegram, &get("/bot43:AA/getMe")).await,
        format!(
            "HTTP/1.1 401 Unauthorized\r\n{HEAD}Content-Length: 58\r\n\r\n{{\"ok\":false,\"error_code\":401,\"description\":\"Unauthorized\"}}"
        )
    );
    telegram.answer_once("getMe", Answer::too_many_requests(7));
    let limited = call(&telegram, &get(&format!("{bot}/getMe"))).await;
    assert!(limited.starts_with("HTTP/1.1 429 Too Many Requests\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nRetry-After: 7\r\n"), "{limited}");
}

#[tokio::test]
async fn malformed_requests_get_a_status_without_a_body_and_are_closed() {
    let (telegram, bot) = start().await;
    for (request, status) in [
        (
            format!("PUT {bot}/getMe HTTP/1.1\r\n\r\n"),
            "501 Not Implemented",
        ),
        (
            format!("GET {bot}/getMe HTTP/2.0\r\n\r\n"),
            "505 HTTP Version Not Supported",
        ),
        (
            post(
                &format!("{bot}/getMe"),
                "application/json",
                &"a".repeat((1 << 20) + 1),
            ),
            "413 Request Entity Too Large",
        ),
    ] {
        assert_eq!(
            call(&telegram, &request).await,
            format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
        );
    }
    assert!(telegram.calls().is_empty());
}

#[tokio::test]
async fn a_connection_stays_open_and_takes_requests_one_after_the_other() {
    let (telegram, bot) = start().await;
    let mut stream = TcpStream::connect(telegram.api_url().trim_start_matches("http://"))
        .await
        .unwrap();
    let close = format!("GET {bot}/getMe HTTP/1.0\r\nConnection: close\r\n\r\n");
    stream
        .write_all(format!("{close}{}", get(&format!("{bot}/nothing"))).as_bytes())
        .await
        .unwrap();
    let mut all = String::new();
    while !all.contains("method not found") {
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{all}");
        all.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    assert!(all.find("\"id\":42").unwrap() < all.find("method not found").unwrap());
}

#[tokio::test]
async fn arguments_come_from_query_and_body_and_the_first_wins() {
    let (telegram, bot) = start().await;
    let path = format!("{bot}/SENDMESSAGE?text=a%20b&chat_id=7");
    let response = call(
        &telegram,
        &post(
            &path,
            "application/json",
            r#"{"text":"no","disable_notification":true}"#,
        ),
    )
    .await;
    assert!(response.contains(r#""text":"a b""#), "{response}");
    let call = telegram.wait_for_call("sendMessage").await.unwrap();
    assert_eq!(
        Value::Object(call.params),
        json!({"text": "a b", "chat_id": "7", "disable_notification": true})
    );
    assert_eq!((call.method.as_str(), call.via), ("SENDMESSAGE", Via::Http));
}

#[tokio::test]
async fn compressed_and_chunked_requests_are_read() {
    let (telegram, bot) = start().await;
    let json = r#"{"chat_id":7,"text":"small"}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(json.as_bytes()).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(json.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    for (encoding, body) in [("gzip", gzip), ("deflate", zlib.finish().unwrap())] {
        let head = format!(
            "POST {bot}/sendMessage HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: {encoding}\r\n"
        );
        let plain = format!("{head}Content-Length: {}\r\n\r\n", body.len());
        let plain = [plain.as_bytes(), &body].concat();
        let (one, two) = body.split_at(5);
        let chunked = [
            format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\n").as_bytes(),
            one,
            format!("\r\n{:x}\r\n", two.len()).as_bytes(),
            two,
            b"\r\n0\r\n\r\n",
        ]
        .concat();
        for request in [plain, chunked] {
            let response = call(&telegram, request).await;
            assert!(response.contains(r#""text":"small""#), "{response}");
        }
    }
    assert_eq!(telegram.calls().len(), 4);
}

#[tokio::test]
async fn an_idle_client_is_closed_after_500_seconds() {
    let (telegram, bot) = start().await;
    let address = telegram.api_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut buffer = Vec::new();
    for _ in 0..2 {
        let request = get(&format!("{bot}/getMe"));
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_message(&mut stream, &mut buffer).await;
        assert!(answer.unwrap().contains("\"id\":42"));
        telegram.advance(400 * SECOND);
    }
    telegram.advance(100 * SECOND);
    let end = timeout(SECOND, stream.read(&mut [0; 1])).await.unwrap();
    assert_eq!(end.unwrap(), 0);
}

#[tokio::test]
async fn the_test_environment_and_the_method_as_an_argument_work() {
    let (telegram, bot) = start().await;
    call(&telegram, &get(&format!("{bot}/test/getMe"))).await;
    call(&telegram, &get(&format!("{bot}/?method=GETME"))).await;
    let form = "application/x-www-form-urlencoded";
    let in_body = post(&format!("{bot}/?method=getMe"), form, "method=close");
    call(&telegram, &in_body).await;
    call(&telegram, &post(&format!("{bot}/"), form, "method=getMe")).await;
    let calls = telegram.calls();
    assert_eq!(
        calls
            .iter()
            .map(|call| call.test_environment)
            .collect::<Vec<_>>(),
        [true, false, false, false]
    );
    assert!(calls.iter().all(|call| call.is_ok() && call.is("getMe")));
}

#[tokio::test]
async fn an_upload_is_kept() {
    let (telegram, bot) = start().await;
    let body = "--b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n@engines\r\n\
                --b\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";
    let response = call(
        &telegram,
        &post(
            &format!("{bot}/sendDocument"),
            "multipart/form-data; boundary=b",
            body,
        ),
    )
    .await;
    assert!(
        response.contains(r#""file_name":"a.txt""#) && response.contains(r#""type":"channel""#),
        "{response}"
    );
    let call = telegram.wait_for_call("sendDocument").await.unwrap();
    let file = call.file("document").unwrap();
    assert_eq!(
        (
            file.file_name.as_str(),
            file.content_type.as_str(),
            file.bytes.as_ref()
        ),
        ("a.txt", "text/plain", &b"hello"[..])
    );
}

#[tokio::test]
async fn messages_count_up_and_follow_what_was_delivered() {
    let (telegram, bot) = start().await;
    telegram
        .deliver(json!({"message": {"message_id": 500}}))
        .await;
    let sent = async || {
        let response = call(
            &telegram,
            &get(&format!("{bot}/sendMessage?chat_id=7&text=a")),
        )
        .await;
        let body = response.split_once("\r\n\r\n").unwrap().1.to_owned();
        serde_json::from_str::<Value>(&body).unwrap()["result"]["message_id"]
            .as_i64()
            .unwrap()
    };
    assert_eq!([sent().await, sent().await], [501, 502]);
}

#[tokio::test]
async fn a_test_decides_what_is_answered() {
    let (telegram, bot) = start().await;
    let ask = async |method: &str| call(&telegram, &get(&format!("{bot}/{method}"))).await;
    telegram.answer("brandNew", Answer::ok(json!({"a": 1})));
    assert!(
        ask("brandnew")
            .await
            .ends_with(r#"{"ok":true,"result":{"a":1}}"#)
    );
    telegram.answer("getMe", Answer::raw(502, "text/html", "<html>"));
    assert!(
        ask("getMe")
            .await
            .ends_with("Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")
    );
    telegram.answer("getMe", Answer::hang_up());
    assert_eq!(ask("getMe").await, "");
    telegram.answer_with("getMe", |call| {
        (call.via == Via::Http).then(|| Answer::error(403, "Forbidden: no"))
    });
    assert!(ask("getMe").await.contains("Forbidden: no"));
    telegram.answer_as_usual("getMe");
    assert!(ask("getMe").await.contains(r#""username":"test_bot""#));
}

#[tokio::test]
async fn set_webhook_and_get_updates_exclude_each_other() {
    let (telegram, bot) = start().await;
    let set = call(
        &telegram,
        &get(&format!(
            "{bot}/setWebhook?url=http://127.0.0.1:1/&secret_token=s&max_connections=3"
        )),
    )
    .await;
    assert!(
        set.ends_with(r#"{"ok":true,"result":true,"description":"Webhook was set"}"#),
        "{set}"
    );
    let webhook = telegram.webhook().unwrap();
    assert_eq!(
        (webhook.secret_token.as_deref(), webhook.max_connections),
        (Some("s"), 3)
    );
    assert!(
        call(&telegram, &get(&format!("{bot}/getUpdates")))
            .await
            .starts_with("HTTP/1.1 409 Conflict\r\n")
    );
    call(&telegram, &get(&format!("{bot}/deleteWebhook"))).await;
    assert!(
        call(&telegram, &get(&format!("{bot}/getUpdates")))
            .await
            .ends_with(r#""result":[]}"#)
    );
}

#[tokio::test]
async fn it_ends_with_its_last_handle() {
    let (telegram, _) = start().await;
    let clone = telegram.clone();
    let address = telegram.api_url().trim_start_matches("http://").to_owned();
    let mut open = TcpStream::connect(&address).await.unwrap();
    drop(telegram);
    assert_eq!(clone.bot_id(), 42);
    drop(clone);
    assert_eq!(
        timeout(SECOND, open.read(&mut [0; 1]))
            .await
            .unwrap()
            .unwrap_or(0),
        0
    );
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn tokens_are_checked() {
    for token in ["", "a:b", "0:b", "1", "1:", "1:a/b"] {
        assert!(
            matches!(
                Telegram::builder().token(token).start().await,
                Err(Error::InvalidToken)
            ),
            "{token}"
        );
    }
}
