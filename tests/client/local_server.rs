//! F11, F12, F17, F18: servers of one's own, files that differ from their description, and responses after which the
//! connection can't be used again.

use std::{convert::Infallible, future::ready, io::Cursor, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::json;
use tokio::time::Instant;
use tower::{Service, ServiceExt as _, service_fn};
use tower_telegram::{
    Client,
    client::{ApiBody, ApiRequest, ClientBuilder, Error, ErrorKind, RetryLayer},
    methods::{
        CopyMessages, ForwardMessages, GetFile, GetMe, SendMediaGroup, SendMessage, SendVideo,
        SetChatPhoto,
    },
    types::{File, InputFile, InputMediaPhoto},
};

use crate::support::scripted::{Scripted, Step, answer, client_of, ok};

const SECOND: Duration = Duration::from_secs(1);
const ME: &str = r#"{"id":7,"is_bot":true,"first_name":"B"}"#;

fn builder<T>(transport: T) -> ClientBuilder<T> {
    ClientBuilder::new(transport, &"7:secret".parse().expect("a token"))
}

/// An HTTP client whose server responds after a time.
fn slow(
    time: Duration,
    result: &'static str,
) -> impl Service<Request<ApiBody>, Response = Response<String>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    service_fn(move |request: Request<ApiBody>| async move {
        // A connection reads the body too.
        drop(request.into_body().collect().await);
        tokio::time::sleep(time).await;
        let body = format!(r#"{{"ok":true,"result":{result}}}"#);
        Ok::<_, Infallible>(Response::new(body))
    })
}

const FILE: &str = r#"{"file_id":"f","file_unique_id":"u","file_path":"/var/x"}"#;
const SENT: &str = r#"{"message_id":1,"date":1,"chat":{"id":1,"type":"private"}}"#;

#[tokio::test(start_paused = true)]
async fn f11_a_server_of_ones_own_has_minutes_for_files() {
    let minutes = 9 * 60 * SECOND;
    for url in ["http://localhost:8081", "https://bots.example/api"] {
        let files = builder(slow(minutes, FILE)).base_url(url).expect("a URL");
        let files = files.layer(RetryLayer::new()).build();
        files.send(GetFile::new("f")).await.expect("a file");
        let sends = builder(slow(minutes, SENT)).base_url(url).expect("a URL");
        let sends = sends.build();
        let video = InputFile::url("file:///data/big.mp4");
        sends.send(SendVideo::new(1, video)).await.expect("sent");
        let thumbnail = InputFile::url("file:/data/small.jpg");
        let content = InputFile::bytes("a.mp4", &b"content"[..]);
        let video = SendVideo::new(1, content).thumbnail(thumbnail);
        sends.send(video).await.expect("sent");
        // To any other call the server responds at once, or it hangs.
        let error = sends.send(SendMessage::new(1, "file:///data")).await;
        drop(error);
        let began = Instant::now();
        let stuck = sends.send(GetMe::new()).await;
        assert!(stuck.expect_err("it takes too long").is_timeout());
        assert_eq!(began.elapsed(), 60 * SECOND);
    }
    // Telegram's own servers respond to getFile at once.
    let client = builder(slow(minutes, FILE)).build();
    let error = client.send(GetFile::new("f")).await;
    assert!(error.expect_err("it takes too long").is_timeout());
}

/// Whatever the method, the place of the file in it, and the server's address.
#[tokio::test(start_paused = true)]
async fn f11_a_file_is_waited_for_wherever_its_uri_stands() {
    let minutes = 9 * 60 * SECOND;
    let client = |url: &str| {
        let client = builder(slow(minutes, "true")).base_url(url);
        client.expect("a URL").build()
    };
    let calls = |uri: &str| {
        let media = |kind: &str| json!({"type": kind, "media": uri});
        [
            ("getFile", json!({"file_id": "f"})),
            ("GETFILE", json!({"file_id": "f"})),
            ("getfile", json!({})),
            ("sendDocument", json!({"chat_id": 1, "document": uri})),
            ("senddocument", json!({"chat_id": 1, "document": uri})),
            (
                "sendMediaGroup",
                json!({"chat_id": 1, "media": [media("photo"), media("video")]}),
            ),
            (
                "sendMediaGroup",
                json!({"chat_id": 1, "media": json!([media("photo")]).to_string()}),
            ),
            ("editMessageMedia", json!({"media": media("animation")})),
            ("uploadStickerFile", json!({"sticker": uri, "user_id": 1})),
            (
                "sendVideo",
                json!({"video": "id", "thumbnail": uri, "chat_id": 1}),
            ),
            ("sendConfetti", json!({"a": {"b": [{"c": uri}]}})),
        ]
    };
    for url in [
        "http://127.0.0.1:8081",
        "http://[::1]:8081/api/",
        "https://tg.example",
    ] {
        for uri in ["file:///data/a", "file:/data/a", "file://localhost/data/a"] {
            for (method, parameters) in calls(uri) {
                let call = ApiRequest::raw(method, &parameters).expect("a call");
                let done = client(url).oneshot(call).await;
                assert!(done.is_ok(), "{method} {parameters} to {url}: {done:?}");
            }
        }
    }
    // Telegram's own server fetches no file of another machine.
    for url in ["https://api.telegram.org", "https://api.telegram.org:443/"] {
        for (method, parameters) in calls("file:///data/a") {
            let call = ApiRequest::raw(method, &parameters).expect("a call");
            let began = Instant::now();
            let error = client(url).oneshot(call).await.expect_err("it hangs");
            assert!(error.is_timeout(), "{method} to {url}: {error:?}");
            assert_eq!(began.elapsed(), 60 * SECOND, "{method} to {url}");
        }
    }
    for uri in ["https://example.com/a", "AgADfile:", "attach://file0"] {
        let call = ApiRequest::raw("sendVideo", &json!({"chat_id": 1, "video": uri}));
        let began = Instant::now();
        let done = client("http://127.0.0.1:8081")
            .oneshot(call.expect("a call"))
            .await;
        assert!(done.expect_err("it hangs").is_timeout(), "{uri}");
        assert_eq!(began.elapsed(), 60 * SECOND, "{uri}");
    }
}

/// A client whose every call is refused with this status and description.
fn refusing(status: u16, description: &str) -> Client {
    let body = json!({"ok": false, "error_code": status, "description": description});
    let body = body.to_string();
    let http = service_fn(move |_: Request<ApiBody>| {
        let answer = Response::builder().status(status).body(body.clone());
        ready(Ok::<_, Infallible>(answer.expect("an answer")))
    });
    builder(http).layer(RetryLayer::new()).build()
}

async fn several(client: &Client) -> [Error; 4] {
    let photos = ["a", "b"].map(InputMediaPhoto::new);
    let album = client.send(SendMediaGroup::new(1, photos)).await;
    let copies = client.send(CopyMessages::new(1, 2, vec![3, 4])).await;
    let forwards = client.send(ForwardMessages::new(1, 2, vec![3, 4])).await;
    let raw = json!({"chat_id": 1, "from_chat_id": 2, "message_ids": [3]});
    let raw = ApiRequest::raw("COPYMESSAGES", &raw).expect("a call");
    [
        album.expect_err("refused"),
        copies.expect_err("refused"),
        forwards.expect_err("refused"),
        client.clone().oneshot(raw).await.expect_err("refused"),
    ]
}

/// The server sends one message after the other, and refuses the whole call when one of them fails.
#[tokio::test(start_paused = true)]
async fn f12_some_of_several_messages_may_have_been_sent_when_the_rest_is_refused() {
    let one = "Bad Request: failed to send message #2 with the error message \"x\"";
    for (status, words) in [
        (400, one),
        (400, "Bad Request: Group send failed"),
        (403, "Forbidden: failed to send message #2"),
        (429, "Too Many Requests: retry after 8"),
        (500, "Internal Server Error: restart"),
    ] {
        let began = Instant::now();
        for error in several(&refusing(status, words)).await {
            assert!(error.may_have_arrived(), "{error}");
            assert_eq!(error.description(), Some(words));
        }
        // None was repeated.
        assert_eq!(began.elapsed(), Duration::ZERO, "{words}");
        let single = refusing(status, words).send(SendMessage::new(1, "x")).await;
        assert!(!single.expect_err("refused").may_have_arrived(), "{words}");
    }
}

/// A client whose every call gets this response, after which the connection breaks if `is_cut_off`.
fn answering(status: u16, body: &'static str, is_cut_off: bool) -> Client {
    let http = service_fn(move |_: Request<ApiBody>| {
        let frames = [
            Some(Ok(Frame::data(Bytes::from(body)))),
            is_cut_off.then(|| Err(std::io::Error::other("reset"))),
        ];
        let body = StreamBody::new(futures_util::stream::iter(frames.into_iter().flatten()));
        let answer = Response::builder().status(status).body(body);
        ready(Ok::<_, Infallible>(answer.expect("an answer")))
    });
    builder(http).layer(RetryLayer::new()).build()
}

/// A proxy that refuses the call hasn't passed any part of it on.
#[tokio::test(start_paused = true)]
async fn f12_no_message_of_several_was_sent_where_a_proxy_refused_them() {
    for (status, body) in [
        (429, "<html>429</html>"),
        (429, ""),
        (429, r#"{"message":"API rate limit exceeded"}"#),
        (429, r#"{"ok":false}"#),
        (413, ""),
        (403, "no entry"),
        (302, ""),
        (404, "\u{1}\u{2}"),
    ] {
        for error in several(&answering(status, body, false)).await {
            assert_eq!(error.kind(), ErrorKind::Http, "{status} {body}");
            assert!(!error.may_have_arrived(), "{status} {body}: {error}");
        }
    }
    for error in several(&answering(502, "<html>502</html>", false)).await {
        assert!(error.may_have_arrived(), "a gateway may have passed it on");
    }
}

/// A response that broke off may have been the server's own refusal.
#[tokio::test(start_paused = true)]
async fn f12_some_of_several_messages_may_have_been_sent_when_the_refusal_breaks_off() {
    for status in [400, 403, 429] {
        for (body, is_cut_off) in [
            (r#"{"ok":false,"error_code":4"#, false),
            ("  {\"ok\"", false),
            (r#"{"ok":false,"error_code":4"#, true),
            ("", true),
        ] {
            let began = Instant::now();
            for error in several(&answering(status, body, is_cut_off)).await {
                assert!(error.may_have_arrived(), "{status} {body}: {error}");
            }
            // None was repeated.
            assert_eq!(began.elapsed(), Duration::ZERO, "{status} {body}");
            let client = answering(status, body, is_cut_off);
            let single = client.send(SendMessage::new(1, "x")).await;
            assert!(!single.expect_err("refused").may_have_arrived(), "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f12_several_messages_are_repeated_if_the_call_says_so() {
    let client = refusing(429, "Too Many Requests: retry after 8");
    let raw = json!({"chat_id": 1, "from_chat_id": 2, "message_ids": [3]});
    let mut call = ApiRequest::raw("copyMessages", &raw).expect("a call");
    call = call.idempotent(true);
    let began = Instant::now();
    client.oneshot(call).await.expect_err("refused");
    assert!(began.elapsed() >= 4 * 8 * SECOND);
}

fn file(size: Option<i64>) -> File {
    let file = json!({
        "file_id": "f", "file_unique_id": "u", "file_path": "videos/a", "file_size": size
    });
    serde_json::from_value(file).expect("a file")
}

#[tokio::test]
async fn f18_a_download_that_ends_early_is_an_error() {
    let bare = b"HTTP/1.1 200 OK\r\n\r\n0123456789".to_vec();
    for (bytes, size, is_whole) in [
        (bare.clone(), Some(100), false),
        (bare.clone(), Some(10), true),
        (bare.clone(), Some(7), true),
        (bare, None, true),
        (answer(200, "", b"0123456789"), Some(11), false),
        (answer(200, "", b""), Some(1), false),
        (answer(200, "", b""), Some(0), true),
    ] {
        let script = vec![Step::Read, Step::Write(bytes)];
        let server = Scripted::start([script.clone(), script.clone(), script], ME).await;
        let client = client_of(&server);
        let begin = async || client.download(&file(size)).await.expect("its beginning");
        let mut written = Vec::new();
        let all = [
            begin().await.bytes(1000).await.map(drop),
            begin().await.write_to(&mut written).await.map(drop),
            begin().await.collect().await.map(drop),
        ];
        for done in all {
            assert_eq!(done.is_ok(), is_whole, "{size:?}: {done:?}");
            let Err(error) = done else { continue };
            assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
            assert_eq!(error.method(), Some("download"));
        }
    }
}

/// Over any transport, as HTTP/2 and others have it: a body of frames, with trailers, and lengths that aren't true.
#[tokio::test]
#[allow(clippy::too_many_lines)] // a table
async fn f18_a_download_of_any_frames_is_as_long_as_it_is_said_to_be() {
    type Frames = Vec<Result<Frame<Bytes>, std::io::Error>>;
    let data = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
    let trailers = || Ok(Frame::trailers(http::HeaderMap::new()));
    let broken = || Err(std::io::Error::other("reset"));
    for (what, frames, size, length, is_whole) in [
        (
            "in pieces",
            vec![data("01234"), data("56789")],
            Some(10),
            None,
            true,
        ),
        (
            "with trailers",
            vec![data("0123456789"), trailers()],
            Some(10),
            None,
            true,
        ),
        (
            "with empty frames",
            vec![data(""), data("0123456789"), data("")],
            Some(10),
            None,
            true,
        ),
        ("empty", vec![], Some(0), None, true),
        ("nothing at all", vec![], Some(1), None, false),
        ("trailers alone", vec![trailers()], Some(1), None, false),
        (
            "short before trailers",
            vec![data("012"), trailers()],
            Some(10),
            None,
            false,
        ),
        (
            "short, and declared so",
            vec![data("012")],
            Some(10),
            Some("3"),
            false,
        ),
        (
            "shorter than declared",
            vec![data("012")],
            Some(3),
            Some("10"),
            false,
        ),
        ("a size below zero", vec![data("012")], Some(-5), None, true),
        (
            "the largest size",
            vec![data("012")],
            Some(i64::MAX),
            None,
            false,
        ),
        ("no sizes", vec![data("012")], None, None, true),
        (
            "a length that is no number",
            vec![data("012")],
            Some(3),
            Some("many"),
            true,
        ),
        (
            "longer than the size",
            vec![data("0123456789")],
            Some(3),
            None,
            true,
        ),
        (
            "broken at the end",
            vec![data("0123456789"), broken()],
            Some(10),
            None,
            false,
        ),
        ("broken at once", vec![broken()], None, None, false),
    ] {
        let frames = std::sync::Arc::new(std::sync::Mutex::new(Some(frames)));
        let http = service_fn(move |_: Request<ApiBody>| {
            let frames: Frames = frames.lock().expect("no panic").take().expect("one call");
            let mut answer = Response::builder().version(http::Version::HTTP_2);
            if let Some(length) = length {
                answer = answer.header(header::CONTENT_LENGTH, length);
            }
            let body = StreamBody::new(futures_util::stream::iter(frames));
            ready(Ok::<_, Infallible>(answer.body(body).expect("an answer")))
        });
        let client = builder(http).build();
        let download = client.download(&file(size)).await.expect("its beginning");
        let done = download.bytes(1000).await;
        assert_eq!(done.is_ok(), is_whole, "{what}: {done:?}");
        if let Err(error) = done {
            assert_eq!(error.kind(), ErrorKind::Transport, "{what}: {error:?}");
            assert!(error.is_retryable(), "{what}");
        }
    }
}

/// The length is in the head, and the HTTP client doesn't check it.
#[tokio::test]
async fn f18_a_download_shorter_than_its_declared_length_is_an_error() {
    let http = service_fn(|_: Request<ApiBody>| {
        let answer = Response::builder().header(header::CONTENT_LENGTH, "100");
        let frame = Frame::data(Bytes::from_static(b"0123456789"));
        let body = StreamBody::new(futures_util::stream::iter([Ok::<_, Infallible>(frame)]));
        ready(Ok::<_, Infallible>(answer.body(body).expect("an answer")))
    });
    let client = builder(http).build();
    let download = client.download(&file(None)).await.expect("its beginning");
    let error = download.bytes(1000).await.expect_err("it ends early");
    assert!(error.to_string().contains("90 bytes"), "{error}");
}

#[tokio::test]
async fn f18_a_reader_with_another_length_than_it_declares_is_an_error() {
    let server = Scripted::start([], "true").await;
    let client = client_of(&server);
    for (given, declared, is_fine) in [
        (500_000, 300_000, false),
        (300_001, 300_000, false),
        (65_537, 65_536, false),
        (1, 0, false),
        (300_000, 300_000, true),
        (0, 0, true),
        (299_999, 300_000, false),
    ] {
        let reader = Cursor::new(vec![7; given]);
        let file = InputFile::reader("a", reader, Some(declared));
        let done = client.send(SetChatPhoto::new(7, file)).await;
        assert_eq!(done.is_ok(), is_fine, "{given} of {declared}: {done:?}");
        if let Err(error) = done {
            assert_eq!(error.kind(), ErrorKind::Upload, "{error}");
            assert!(
                !error.may_have_arrived() && !error.is_retryable(),
                "{error}"
            );
            let received = server.received();
            assert!(received.is_empty(), "{given} of {declared} came as a whole");
        }
        server.received();
    }
}

/// A client over reqwest.
#[cfg(feature = "reqwest")]
fn reqwest_client_of(server: &Scripted) -> Client {
    use tower_telegram::client::ReqwestTransport;

    let http = ReqwestTransport::new(crate::support::reqwest_client::builder).expect("a transport");
    let client = builder(http).base_url(&server.url());
    client.expect("a URL").build()
}

/// The server closes the connection after such a response without saying so: the next call got a reset.
async fn check_last_answers(client_of: fn(&Scripted) -> Client) {
    for (status, length) in [
        (413, "Content-Length: 0"),
        (431, "content-length:0"),
        (501, "Content-Length: 0"),
        (505, "Content-Length:  0"),
    ] {
        let head = format!("HTTP/1.1 {status} Whatever\r\n{length}\r\n\r\n");
        // This one doesn't close it, so that only the client can have.
        let script = vec![Step::Read, Step::Write(head.into_bytes()), Step::Serve];
        let server = Scripted::start([script], ME).await;
        let client = client_of(&server);
        let error = client.send(GetMe::new()).await.expect_err("it is refused");
        assert_eq!(error.status().map(|s| s.as_u16()), Some(status));
        assert_eq!(error.kind(), ErrorKind::Http);
        for _ in 0..2 {
            client.send(GetMe::new()).await.expect("the next one works");
        }
        assert_eq!(server.connections(), 2, "{status}");
    }
    // After any other response the connection is used again.
    let long = r#"{"ok":false,"error_code":413,"description":"Request Entity Too Large"}"#;
    for bytes in [
        answer(413, "", long.as_bytes()),
        answer(404, "", b""),
        answer(200, "", b""),
        ok("7"),
    ] {
        let script = vec![Step::Read, Step::Write(bytes), Step::Serve];
        let server = Scripted::start([script], ME).await;
        let client = client_of(&server);
        client.send(GetMe::new()).await.expect_err("no result");
        client.send(GetMe::new()).await.expect("the next one works");
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn f17_a_connection_that_the_server_is_about_to_close_is_not_used_again() {
    check_last_answers(client_of).await;
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn f17_reqwest_uses_no_connection_again_that_the_server_is_about_to_close() {
    check_last_answers(reqwest_client_of).await;
}

#[tokio::test]
async fn f17_a_connection_with_a_response_during_the_request_is_not_used_again() {
    let refusal = Step::Write(answer(400, "", br#"{"ok":false,"error_code":400}"#));
    let script = vec![Step::ReadHead, refusal, Step::Serve];
    let server = Scripted::start([script], "true").await;
    // With the usual timeout: the server reads the rest of the large request meanwhile.
    let token = "7:secret".parse().expect("a token");
    let client = Client::with_base_url(&token, &server.url()).expect("a URL");
    let upload = SetChatPhoto::new(7, InputFile::bytes("a", vec![7; 32 << 20]));
    let error = client.send(upload).await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Api);
    assert!(!error.may_have_arrived());
    let small = SetChatPhoto::new(7, InputFile::bytes("a", &b"b"[..]));
    assert!(client.send(small).await.expect("the next one works"));
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn f17_a_call_over_the_servers_limits_is_not_sent() {
    let server = Scripted::start([], "true").await;
    let client = client_of(&server);
    let limit = 1 << 20;
    let call = |size: usize| {
        let empty = json!({"text": ""}).to_string().len();
        ApiRequest::raw("x", &json!({"text": "x".repeat(size - empty)}))
    };
    let fits = call(limit).expect("it fits");
    client.clone().oneshot(fits).await.expect("sent");
    let error = call(limit + 1).expect_err("it is too long");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.method(), Some("x"));
    assert!(!error.may_have_arrived() && !error.is_retryable());

    let photos = |count: usize| {
        let photo = |n| InputMediaPhoto::new(InputFile::bytes("a", vec![0; n % 3]));
        SendMediaGroup::new(1, (0..count).map(photo))
    };
    let too_many = client.send(photos(51)).await.expect_err("too many files");
    assert_eq!(too_many.kind(), ErrorKind::Invalid);
    // In a form only the values count, without the escapes of JSON.
    let caption = |size: usize| {
        let file = InputFile::bytes("a", &b"b"[..]);
        let upload = tower_telegram::methods::SendPhoto::new(1, file);
        upload.caption("\n".repeat(size))
    };
    let too_long = client.send(caption(limit)).await.expect_err("too long");
    assert_eq!(too_long.kind(), ErrorKind::Invalid, "{too_long}");
    assert_eq!(server.received().len(), 1);
    let fits = client.send(caption(limit - 100)).await;
    assert_eq!(fits.expect_err("no message").kind(), ErrorKind::Decode);
    let fits = client.send(photos(50)).await;
    assert_eq!(fits.expect_err("no messages").kind(), ErrorKind::Decode);
    assert_eq!(server.received().len(), 2);
}
