//! F3, F4, F5: calls to servers and proxies whose responses are odd, broken or missing. After each, the client still
//! works.

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use http::StatusCode;
use http_body_util::BodyExt as _;
use tower_telegram::{
    Client,
    client::{ApiBody, BotApi, Error, ErrorKind, HttpTransport},
    methods::{GetMe, SendMessage, SetChatPhoto},
    types::InputFile,
};

use crate::support::scripted::{READ_TIMEOUT, Scripted, Step, answer, client_of, json, ok};

const ME: &str = r#"{"id":7,"is_bot":true,"first_name":"B"}"#;

/// The error of a call to a server with this script. The client makes the call only once.
async fn failing(script: Vec<Step>) -> Error {
    let server = Scripted::start([script], ME).await;
    let client = client_of(&server);
    let error = client.send(GetMe::new()).await.expect_err("it fails");
    let me = client.send(GetMe::new()).await;
    assert_eq!(me.expect("the next call works").id, 7, "after {error:?}");
    assert_eq!(error.method(), Some("getMe"));
    assert_eq!(error.is_timeout(), error.kind() == ErrorKind::Timeout);
    error
}

/// Kind, status, and whether the call may have arrived.
type Expected = (ErrorKind, Option<u16>, bool);

#[track_caller]
fn assert_error(error: &Error, (kind, status, arrived): Expected, what: &str) {
    assert_eq!(error.kind(), kind, "{what}: {error:?}");
    let found = error.status().as_ref().map(StatusCode::as_u16);
    assert_eq!(found, status, "{what}: {error:?}");
    assert_eq!(error.may_have_arrived(), arrived, "{what}: {error:?}");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

const HTML: &[u8] = b"<html><body>It works!</body></html>";

#[tokio::test]
async fn f5_a_response_of_another_program_has_its_status() {
    let html = |status| answer(status, "Content-Type: text/html\r\n", HTML);
    let packed = gzip(&format!("{{\"ok\":true,\"result\":{ME}}}"));
    let gzip = "Content-Encoding: gzip\r\n";
    let cut = &packed[..packed.len() - 5];
    let redirect = "Location: http://127.0.0.1:1/bot7:secret/getMe\r\n";
    for (what, bytes, status, arrived) in [
        ("a page", html(200), 200, true),
        ("a gateway's page", html(502), 502, true),
        ("a proxy's page", html(403), 403, false),
        ("nothing", answer(200, "", b""), 200, true),
        ("nothing at all", answer(204, "", b""), 204, true),
        ("nothing, from a gateway", answer(504, "", b""), 504, true),
        (
            "half of the JSON",
            json(200, "{\"ok\":true,\"resu"),
            200,
            true,
        ),
        ("no envelope", json(200, ME), 200, true),
        ("no result", json(200, "{\"ok\":true}"), 200, true),
        ("a list", json(200, "[]"), 200, true),
        ("half of a gzip", answer(200, gzip, cut), 200, true),
        ("no gzip", answer(200, gzip, HTML), 200, true),
        ("another place", answer(302, redirect, b""), 302, false),
        (
            "another place, by POST",
            answer(307, redirect, b""),
            307,
            false,
        ),
        (
            "not UTF-8",
            answer(200, "", b"{\"ok\":true,\"result\":\"\xff\"}"),
            200,
            true,
        ),
    ] {
        let error = failing(vec![Step::Read, Step::Write(bytes), Step::Serve]).await;
        assert_error(&error, (ErrorKind::Http, Some(status), arrived), what);
        // Only if a later attempt may succeed.
        let mends = status >= 500 || status / 100 == 2;
        assert_eq!(error.is_retryable(), mends, "{what}");
    }
}

#[tokio::test]
async fn f5_a_refusal_is_typed_whatever_its_status_line_says() {
    for (status, code, text, arrived) in [
        (400, 400, "Bad Request: chat not found", false),
        (401, 401, "Unauthorized", false),
        (403, 403, "Forbidden: bot was blocked by the user", false),
        (404, 404, "Not Found", false),
        (
            409,
            409,
            "Conflict: terminated by other getUpdates request",
            false,
        ),
        (413, 413, "Request Entity Too Large", false),
        (421, 421, "Misdirected Request", false),
        (429, 429, "Too Many Requests: retry after 7", false),
        (500, 500, "Internal Server Error: restart", false),
        (500, 500, "Internal Server Error", true),
        (502, 502, "Bad Gateway", true),
        (200, 400, "Bad Request: a proxy rewrote the status", false),
    ] {
        let body = format!("{{\"ok\":false,\"error_code\":{code},\"description\":\"{text}\"}}");
        let script = vec![Step::Read, Step::Write(json(status, &body)), Step::Serve];
        let error = failing(script).await;
        assert_error(&error, (ErrorKind::Api, Some(code), arrived), text);
        assert_eq!(error.description(), Some(text));
        assert_eq!(error.is_retryable(), code == 429 || code >= 500, "{text}");
        assert_eq!(error.is_conflict(), code == 409);
        assert_eq!(error.is_unauthorized(), code == 401);
        assert_eq!(error.is_forbidden(), code == 403);
        assert_eq!(error.is_rate_limited(), code == 429);
    }
}

/// The call with a result of another type was carried out.
#[tokio::test]
async fn f5_a_result_of_another_type_is_a_decode_error() {
    let error = failing(vec![Step::Read, Step::Write(ok("7")), Step::Serve]).await;
    assert_error(&error, (ErrorKind::Decode, None, true), "a number");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn f5_a_compressed_response_is_read() {
    let packed = gzip(&format!("{{\"ok\":true,\"result\":{ME}}}"));
    for headers in ["Content-Encoding: gzip\r\n", "Content-encoding: GZIP\r\n"] {
        let steps = vec![
            Step::Read,
            Step::Write(answer(200, headers, &packed)),
            Step::Wait,
        ];
        let server = Scripted::start([steps], "0").await;
        let me = client_of(&server).send(GetMe::new()).await;
        assert_eq!(me.expect("a result").id, 7);
        let received = server.received();
        assert_eq!(received[0].header("accept-encoding"), Some("gzip"));
    }
}

#[tokio::test]
async fn f4_after_half_a_response_the_call_may_have_arrived() {
    let whole = json(200, &format!("{{\"ok\":true,\"result\":{ME}}}"));
    let half = whole[..whole.len() - 9].to_vec();
    let head = b"HTTP/1.1 200 OK\r\nContent-Le".to_vec();
    let long = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{}".to_vec();
    let odd = b"ICY 200 OK\r\n\r\n".to_vec();
    let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"ok\"\r\n".to_vec();
    let transport = ErrorKind::Transport;
    for (what, bytes, status) in [
        ("half of the body", half, Some(200)),
        ("half of the head", head, None),
        ("a length that is too much", long, Some(200)),
        ("no HTTP", odd, None),
        ("half of the chunks", chunk, Some(200)),
    ] {
        for end in [None, Some(Step::Reset)] {
            let steps = [Step::Read, Step::Write(bytes.clone())]
                .into_iter()
                .chain(end);
            let error = failing(steps.collect()).await;
            assert_error(&error, (transport, status, true), what);
            assert!(error.is_retryable(), "{what}");
        }
        let steps = vec![Step::Read, Step::Write(bytes.clone()), Step::Wait];
        if what != "no HTTP" {
            let error = failing(steps).await;
            assert_error(&error, (ErrorKind::Timeout, status, true), what);
        }
    }
}

/// A refused call wasn't carried out, even if the refusal broke off.
#[tokio::test]
async fn f4_after_half_a_refusal_the_call_cant_have_arrived() {
    let whole = json(
        400,
        "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request\"}",
    );
    let steps = vec![Step::Read, Step::Write(whole[..whole.len() - 9].to_vec())];
    let error = failing(steps).await;
    assert_error(
        &error,
        (ErrorKind::Transport, Some(400), false),
        "a refusal",
    );
}

/// The rest isn't the response to another call.
#[tokio::test]
async fn f5_a_content_length_that_is_too_short_cuts_the_response() {
    let body = format!("{{\"ok\":true,\"result\":{ME}}}");
    let bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{body}").into_bytes();
    let error = failing(vec![Step::Read, Step::Write(bytes), Step::Wait]).await;
    assert_error(&error, (ErrorKind::Http, Some(200), true), "too little");
}

#[tokio::test]
async fn f5_an_endless_response_is_read_up_to_a_limit() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n{\"ok\":true,\"result\":\"".to_vec();
    let packed = gzip(&" ".repeat(40 << 20));
    let packed = answer(200, "Content-Encoding: gzip\r\n", &packed);
    let spaces = vec![b' '; 1 << 20];
    let endless = vec![Step::Read, Step::Write(head), Step::WriteForever(spaces)];
    let error = failing(endless).await;
    assert_error(&error, (ErrorKind::Http, Some(200), true), "no end");
    let bomb = vec![Step::Read, Step::Write(packed), Step::Serve];
    let error = failing(bomb).await;
    assert_error(&error, (ErrorKind::Http, Some(200), true), "a bomb");
}

#[tokio::test]
async fn f5_an_endless_head_is_an_error() {
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let more = b"X-Header: and more\r\n".repeat(1000);
    let steps = vec![Step::Read, Step::Write(head), Step::WriteForever(more)];
    let error = failing(steps).await;
    assert_error(&error, (ErrorKind::Transport, None, true), "a long head");
}

#[tokio::test]
async fn f4_a_server_that_never_responds_is_a_timeout() {
    let error = failing(vec![Step::Read, Step::Wait]).await;
    assert_error(&error, (ErrorKind::Timeout, None, true), "silence");
    assert!(error.is_retryable());
}

/// The server has read the request, as far as the client can know.
#[tokio::test]
async fn f4_when_the_connection_breaks_after_the_request_the_call_may_have_arrived() {
    for script in [vec![Step::Read, Step::Reset], vec![Step::Read]] {
        let error = failing(script).await;
        assert_error(&error, (ErrorKind::Transport, None, true), "broken");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn f3_when_the_connection_is_refused_the_call_cant_have_arrived() {
    let server = Scripted::start([], ME).await;
    let client = client_of(&server);
    let url = server.url();
    drop(server);
    tokio::task::yield_now().await;
    let error = client
        .send(GetMe::new())
        .await
        .expect_err("the connection is refused");
    assert_error(&error, (ErrorKind::Transport, None, false), &url);
    assert!(error.is_retryable());
}

/// Most of a large file is still to be sent when the connection breaks, so the call can't have been carried out.
#[tokio::test]
async fn f4_when_the_connection_breaks_during_an_upload_the_call_cant_have_arrived() {
    for script in [
        vec![Step::ReadHead, Step::Reset],
        vec![Step::ReadHead],
        vec![Step::Reset],
    ] {
        let server = Scripted::start([script], "true").await;
        let client = client_of(&server);
        let file = InputFile::bytes("a", vec![7; 16 << 20]);
        let upload = SetChatPhoto::new(7, file);
        let error = client.send(upload.clone()).await.expect_err("it breaks");
        assert_error(&error, (ErrorKind::Transport, None, false), "an upload");
        // The next upload arrives.
        assert!(client.send(upload).await.expect("the next call works"));
    }
}

/// A server that stops reading is a timeout, like one that stops writing.
#[tokio::test]
async fn f4_an_upload_that_the_server_does_not_read_is_a_timeout() {
    let server = Scripted::start([vec![Step::ReadHead, Step::Stall]], "true").await;
    let client = client_of(&server);
    let endless = InputFile::reader("a", tokio::io::repeat(7), None);
    let error = client.send(SetChatPhoto::new(7, endless)).await;
    let error = error.expect_err("it stands still");
    assert_error(&error, (ErrorKind::Timeout, None, false), "an upload");
    let file = InputFile::bytes("a", &b"content"[..]);
    let done = client.send(SetChatPhoto::new(7, file)).await;
    assert!(done.expect("the next call works"));
}

/// Over a connection so slow that the whole file takes much longer than the idle timeout.
#[tokio::test(start_paused = true)]
async fn f4_a_slow_upload_is_no_timeout_while_bytes_are_sent() {
    let line = tower::service_fn(async |request: http::Request<ApiBody>| {
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            let length = frame
                .expect("it can be read")
                .into_data()
                .map_or(0, |d| d.len());
            tokio::time::sleep(Duration::from_millis(length as u64 / 4)).await;
        }
        let answer = r#"{"ok":true,"result":true}"#;
        Ok::<_, std::io::Error>(http::Response::new(answer.to_owned()))
    });
    let token = "7:secret".parse().expect("a token");
    let client = Client::from_service(BotApi::telegram(line, &token));
    for file in [
        InputFile::bytes("a", vec![7; 4 << 20]),
        InputFile::reader("a", std::io::Cursor::new(vec![7; 4 << 20]), None),
    ] {
        let done = client.send(SetChatPhoto::new(7, file)).await;
        assert!(done.expect("it goes on"));
    }
}

/// Telegram refuses a request that is too large before it has read all of it.
#[tokio::test]
async fn f5_a_response_during_an_upload_is_read() {
    let refusal = "{\"ok\":false,\"error_code\":413,\"description\":\"Request Entity Too Large\"}";
    let refusal = Step::Write(json(413, refusal));
    let server = Scripted::start([vec![Step::ReadHead, refusal, Step::Wait]], "true").await;
    let client = client_of(&server);
    let file = InputFile::bytes("a", vec![7; 16 << 20]);
    let upload = SetChatPhoto::new(7, file);
    let error = client
        .send(upload.clone())
        .await
        .expect_err("it is refused");
    assert_error(&error, (ErrorKind::Api, Some(413), false), "too large");
    assert!(client.send(upload).await.expect("the next call works"));
}

/// The chunks that came are returned, and the end of the download is an error.
#[tokio::test]
async fn f9_half_a_file_is_an_error_at_its_end() {
    let whole = answer(200, "", &[7; 1000]);
    let half = Step::Write(whole[..whole.len() - 9].to_vec());
    for (end, kind) in [
        (None, ErrorKind::Transport),
        (Some(Step::Reset), ErrorKind::Transport),
        (Some(Step::Wait), ErrorKind::Timeout),
    ] {
        let script = [Step::Read, half.clone()].into_iter().chain(end).collect();
        let server = Scripted::start([script], ME).await;
        let client = client_of(&server);
        let file = serde_json::json!({"file_id": "a", "file_unique_id": "b", "file_path": "c"});
        let file = serde_json::from_value(file).expect("a file");
        let download = client.download(&file).await.expect("its beginning");
        assert_eq!(download.length(), Some(1000));
        let error = download.bytes(1000).await.expect_err("it isn't whole");
        assert_error(&error, (kind, Some(200), true), "half a file");
        assert_eq!(error.method(), Some("download"));
        let me = client.send(GetMe::new()).await;
        assert_eq!(me.expect("the next call works").id, 7);
    }
}

/// The server accepts the connection and closes it at once. Whether the client writes the request before it notices is
/// chance.
#[tokio::test]
async fn f3_a_connection_that_is_closed_at_once_fails_one_call() {
    let error = failing(vec![Step::Reset]).await;
    assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
    assert_eq!(error.status(), None);
    assert!(error.is_retryable());
}

/// Each connection is closed after its response, with and without the header `Connection: close`.
#[tokio::test]
async fn f5_connections_that_are_closed_after_each_response_fail_no_call() {
    let metrics = tokio::runtime::Handle::current().metrics();
    let polite = answer(
        200,
        "Connection: close\r\n",
        format!("{{\"ok\":true,\"result\":{ME}}}").as_bytes(),
    );
    let rude = ok(ME);
    let scripts = [polite, rude].into_iter().cycle().take(40);
    let scripts = scripts.map(|bytes| vec![Step::Read, Step::Write(bytes)]);
    let server = Scripted::start(scripts, "0").await;
    let client = client_of(&server);
    for _ in 0..40 {
        let me = client.send(GetMe::new()).await;
        assert_eq!(me.expect("a result").id, 7);
        // Until the client has noticed that the connection is closed, which ends its task.
        // The server's task stays, and that of the client's idle connections.
        settle(|| metrics.num_alive_tasks() <= 2).await;
    }
    assert_eq!(server.connections(), 40);
}

/// Lets other tasks run until the condition holds.
pub(crate) async fn settle(done: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never comes to that");
}

/// A server with HTTP/1.0, and one with an interim response.
#[tokio::test]
async fn f5_http_1_0_and_interim_responses_are_read() {
    let body = format!("{{\"ok\":true,\"result\":{ME}}}");
    let old = format!("HTTP/1.0 200 OK\r\n\r\n{body}").into_bytes();
    let interim = [b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), ok(ME)].concat();
    let scripts = [
        vec![Step::Read, Step::Write(old)],
        vec![Step::Read, Step::Write(interim), Step::Wait],
    ];
    let server = Scripted::start(scripts, "0").await;
    let client = client_of(&server);
    for _ in 0..2 {
        let me = client.send(GetMe::new()).await;
        assert_eq!(me.expect("a result").id, 7);
    }
}

#[tokio::test]
async fn f4_a_server_that_cant_be_connected_to_is_an_error_in_time() {
    let token = "7:secret".parse().expect("a token");
    let transport = HttpTransport::builder().connect_timeout(READ_TIMEOUT);
    let transport = transport.build().expect("a transport");
    let client = Client::builder(&token).transport(transport);
    // An address of a network for documentation, which has no hosts.
    let client = client.base_url("http://192.0.2.1").expect("a URL");
    let client = client.read_timeout(2 * READ_TIMEOUT).build();
    let call = client.send(SendMessage::new(7, "hi"));
    let error = call.await.expect_err("the server can't be reached");
    assert!(!error.may_have_arrived(), "{error:?}");
    assert!(error.is_retryable(), "{error:?}");
}
