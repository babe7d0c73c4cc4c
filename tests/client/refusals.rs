//! F15, F16: envelopes of servers other than Telegram's, and the wait that a refusal asks for.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{Request, Response};
use tokio::time::Instant;
use tower::service_fn;
use tower_telegram::{
    Client,
    client::{ApiBody, BotApi, ClientBuilder, Error, ErrorKind, RateLimitLayer, RetryLayer},
    methods::{DeleteMessage, GetMe, SendMessage},
};

const TOKEN: &str = "4839574812:AAFD39kkdpWt3ywyRZergyOLMaJhac60qcK";

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// A response: its status, headers and body.
type Answer<'a> = (u16, &'a [(&'a str, &'a str)], &'a str);

fn response((status, headers, body): Answer<'_>) -> Response<String> {
    let response = headers
        .iter()
        .fold(Response::builder().status(status), |all, (name, value)| {
            all.header(*name, *value)
        });
    response.body(body.to_owned()).expect("an answer")
}

fn client(answer: Answer<'_>) -> Client {
    let answer = response(answer);
    let http = service_fn(move |_: Request<ApiBody>| ready(Ok::<_, Infallible>(answer.clone())));
    Client::from_service(BotApi::telegram(http, &TOKEN.parse().expect("a token")))
}

async fn refusal(answer: Answer<'_>) -> Error {
    let error = client(answer).send(DeleteMessage::new(1, 2)).await;
    error.expect_err("it is refused")
}

#[tokio::test]
async fn f16_odd_members_of_a_refusal_count_as_absent() {
    const WORDS: &str = "Forbidden: bot was blocked by the user";
    for odd in [
        r#""parameters":null"#,
        r#""parameters":"none""#,
        r#""parameters":[]"#,
        r#""parameters":7"#,
        r#""parameters":false"#,
        r#""parameters":{"retry_after":null,"migrate_to_chat_id":null}"#,
        r#""parameters":{"retry_after":[],"migrate_to_chat_id":"x"}"#,
        r#""parameters":{"retry_after":-1}"#,
        r#""parameters":{"migrate_to_chat_id":1.5}"#,
        r#""result":null"#,
        r#""result":{}"#,
        r#""ok":null"#,
        r#""error_code":null"#,
        r#""description":null"#,
        r#""x":{"ok":true,"error_code":1}"#,
        r#""error_code":99999999999999999999"#,
    ] {
        for body in [
            format!(r#"{{{odd},"ok":false,"error_code":403,"description":"{WORDS}"}}"#),
            format!(r#"{{"ok":false,"error_code":403,"description":"{WORDS}",{odd}}}"#),
        ] {
            let error = refusal((403, &[], &body)).await;
            assert_eq!(error.kind(), ErrorKind::Api, "{body}: {error:?}");
            assert_eq!(error.status().map(|s| s.as_u16()), Some(403), "{body}");
            assert_eq!(error.description(), Some(WORDS), "{body}");
            assert_eq!(error.retry_after(), None, "{body}");
            assert_eq!(error.migrate_to_chat_id(), None, "{body}");
            assert!(!error.is_retryable() && !error.may_have_arrived(), "{body}");
        }
    }
}

#[tokio::test]
async fn f16_without_a_readable_code_or_description_the_rest_still_counts() {
    for (body, status, words) in [
        (
            r#"{"ok":false,"error_code":"403","description":"Forbidden"}"#,
            403,
            "Forbidden",
        ),
        (
            r#"{"ok":false,"error_code":70000,"description":"Forbidden"}"#,
            403,
            "Forbidden",
        ),
        (
            r#"{"ok":false,"error_code":400,"description":["x"]}"#,
            400,
            "",
        ),
        (r#"{"ok":false,"error_code":{},"description":7}"#, 403, ""),
        // The code and the description show that it is a refusal.
        (
            r#"{"ok":null,"error_code":400,"description":"Bad Request"}"#,
            400,
            "Bad Request",
        ),
        (
            r#"{"ok":"false","error_code":400,"description":"Bad Request"}"#,
            400,
            "Bad Request",
        ),
        (
            r#"{"error_code":400,"description":"Bad Request","parameters":{"migrate_to_chat_id":-1001}}"#,
            400,
            "Bad Request",
        ),
    ] {
        let error = refusal((403, &[], body)).await;
        assert_eq!(error.kind(), ErrorKind::Api, "{body}: {error:?}");
        assert_eq!(error.status().map(|s| s.as_u16()), Some(status), "{body}");
        assert_eq!(error.description(), Some(words), "{body}");
        assert!(!error.to_string().ends_with(' '), "{error}");
    }
}

#[tokio::test]
async fn f16_a_result_counts_though_its_ok_is_odd() {
    for ok in ["null", "1", r#""true""#, "{}"] {
        for body in [
            format!(r#"{{"ok":{ok},"result":true}}"#),
            format!(r#"{{"result":true,"ok":{ok}}}"#),
        ] {
            let client = client((200, &[], &body));
            let done = client.send(DeleteMessage::new(1, 2)).await;
            assert!(done.unwrap_or_else(|e| panic!("{body}: {e:?}")));
        }
    }
    // Not if anything shows that it isn't a result of the Bot API.
    for (status, body) in [
        (200, r#"{"result":true}"#),
        (200, r#"{"ok":null,"result":null}"#),
        (200, r#"{"ok":null,"result":true,"error_code":400}"#),
        (502, r#"{"ok":null,"result":true}"#),
    ] {
        let error = refusal((status, &[], body)).await;
        assert_eq!(error.kind(), ErrorKind::Http, "{status} {body}");
    }
}

/// Other programs write `"ok":false` too; Telegram's server always adds its `error_code`.
#[tokio::test]
async fn f16_the_json_of_a_proxy_is_no_refusal_of_the_bot_api() {
    for status in [200, 403, 404, 502] {
        for body in [
            r#"{"ok":false}"#,
            r#"{"ok":false,"error":"bad gateway"}"#,
            r#"{"ok":false,"error":{"error_code":404,"description":"x"}}"#,
            r#"{"ok":false,"message":"no route","code":404}"#,
            r#"{"ok":false,"description":"no route"}"#,
            r#"{"ok":false,"result":null}"#,
            r#"{"ok":false,"parameters":{}}"#,
            r#"{"error_code":404}"#,
            r#"{"ok":0,"error_code":404}"#,
            r#"{"ok":true,"error_code":404,"description":"x"}"#,
        ] {
            let error = refusal((status, &[], body)).await;
            assert_eq!(error.kind(), ErrorKind::Http, "{status} {body}");
            assert_eq!(error.status().map(|s| s.as_u16()), Some(status), "{body}");
            assert_eq!(error.description(), None, "{status} {body}");
        }
    }
}

#[tokio::test]
async fn f16_odd_members_beside_a_result_count_as_absent() {
    for odd in [
        r#""description":null"#,
        r#""description":{"a":1}"#,
        r#""parameters":null"#,
        r#""parameters":"none""#,
        r#""parameters":{"retry_after":"x"}"#,
        r#""error_code":null"#,
        r#""error_code":"0""#,
        r#""ok":null"#,
        r#""result":null"#,
    ] {
        for body in [
            format!(r#"{{{odd},"ok":true,"result":true}}"#),
            format!(r#"{{"ok":true,"result":true,{odd}}}"#),
        ] {
            let done = client((200, &[], &body))
                .send(DeleteMessage::new(1, 2))
                .await;
            assert!(done.unwrap_or_else(|e| panic!("{body}: {e:?}")), "{body}");
        }
    }
}

#[tokio::test]
async fn f15_the_wait_is_that_of_the_parameters_or_the_header_or_the_description() {
    const WORDS: &str = "Too Many Requests: retry after 7";
    let json = |parameters: &str| {
        format!(r#"{{"ok":false,"error_code":429,"description":"{WORDS}"{parameters}}}"#)
    };
    let (plain, named) = (json(""), json(r#","parameters":{"retry_after":5}"#));
    let odd = json(r#","parameters":{"retry_after":{}}"#);
    let negative = json(r#","parameters":{"retry_after":-5}"#);
    for (what, answer, seconds) in [
        (
            "the parameters",
            (429, &[("Retry-After", "30")][..], &*named),
            Some(5),
        ),
        (
            "the header",
            (429, &[("Retry-After", " 30 ")], &plain),
            Some(30),
        ),
        (
            "odd parameters",
            (429, &[("Retry-After", "30")], &odd),
            Some(30),
        ),
        (
            "less than nothing",
            (429, &[("Retry-After", "30")], &negative),
            Some(30),
        ),
        ("the words", (429, &[], &plain), Some(7)),
        (
            "an odd header",
            (429, &[("Retry-After", "soon")], &plain),
            Some(7),
        ),
        (
            "a page of 429",
            (429, &[("Retry-After", "7")], "<html>429</html>"),
            Some(7),
        ),
        (
            "a page of 503",
            (503, &[("Retry-After", "30")], "<html>503</html>"),
            Some(30),
        ),
        (
            "nothing of 503",
            (503, &[("Retry-After", "30")], ""),
            Some(30),
        ),
        (
            "a page of 429 without one",
            (429, &[], "<html>429</html>"),
            None,
        ),
        (
            "a header that is odd",
            (429, &[("Retry-After", "-7")], ""),
            None,
        ),
        ("no digits", (429, &[("Retry-After", ".")], ""), None),
        ("an exponent", (429, &[("Retry-After", "1e3")], ""), None),
    ] {
        let error = refusal(answer).await;
        let expected = seconds.map(Duration::from_secs);
        assert_eq!(error.retry_after(), expected, "{what}: {error:?}");
    }
}

/// The first wait that isn't zero counts. One of 0 seconds in the body hid that of the header.
#[tokio::test]
async fn f15_a_wait_of_zero_hides_no_other() {
    let body = |wait: &str, words: &str| {
        format!(
            r#"{{"ok":false,"error_code":429,"description":"{words}","parameters":{{"retry_after":{wait}}}}}"#
        )
    };
    for (wait, header, words, seconds) in [
        ("0", Some("30"), "retry after 7", 30),
        ("0", Some("0"), "retry after 7", 7),
        ("0.0", Some("30"), "x", 30),
        ("\"0\"", Some("30"), "x", 30),
        ("0", None, "retry after 7", 7),
        ("null", Some("0"), "retry after 7", 7),
        ("0", Some("soon"), "retry after 0", 1),
        ("1", Some("30"), "retry after 7", 1),
    ] {
        let header = header.map(|header| ("Retry-After", header));
        let error = refusal((429, header.as_slice(), &body(wait, words))).await;
        let expected = Some(Duration::from_secs(seconds));
        assert_eq!(error.retry_after(), expected, "{wait} {header:?} {words}");
    }
}

/// A proxy may rewrite the status and leave the header.
#[tokio::test]
async fn f15_the_header_counts_under_any_status() {
    let refused = r#"{"ok":false,"error_code":429,"description":"Too Many Requests"}"#;
    for (status, body) in [
        (200, refused),
        (200, "<html>busy</html>"),
        (302, ""),
        (400, "{"),
    ] {
        let error = refusal((status, &[("Retry-After", "30")], body)).await;
        assert_eq!(error.retry_after(), Some(30 * SECOND), "{status} {body}");
    }
}

#[tokio::test]
async fn f15_the_header_may_be_a_fraction_and_may_come_more_than_once() {
    for (headers, millis) in [
        (&["1.5"][..], Some(1500)),
        (&[" 7.25 "], Some(7250)),
        (&["0.5"], Some(1000)),
        (&["2."], Some(2000)),
        (&["soon", "7"], Some(7000)),
        (&["0", "7"], Some(7000)),
        (&["1.5.2"], None),
        (&["+7"], None),
        (&["-1.5"], None),
        (&["inf"], None),
        (&["NaN"], None),
    ] {
        let headers: Vec<_> = headers
            .iter()
            .map(|value| ("Retry-After", *value))
            .collect();
        let error = refusal((429, &headers, "")).await;
        let expected = millis.map(Duration::from_millis);
        assert_eq!(error.retry_after(), expected, "{headers:?}");
    }
}

/// By the server's own clock, if the response has a `Date`.
#[tokio::test]
async fn f15_the_header_may_be_a_date() {
    let now = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (date, then, seconds) in [
        (now, "Sun, 06 Nov 1994 08:50:07 GMT", 30),
        (now, "Sunday, 06-Nov-94 08:50:07 GMT", 30),
        (now, "Sun Nov  6 08:50:07 1994", 30),
        (
            "Mon, 28 Feb 2028 23:59:50 GMT",
            "Tue, 29 Feb 2028 00:00:00 GMT",
            10,
        ),
        // The date has passed, but without a wait a caller would loop without a pause.
        (now, "Sun, 06 Nov 1994 08:00:00 GMT", 1),
    ] {
        let headers = [("Date", date), ("Retry-After", then)];
        let error = refusal((429, &headers, "")).await;
        let expected = Duration::from_secs(seconds);
        assert_eq!(error.retry_after(), Some(expected), "{date}, {then}");
    }
    // Without a `Date`, by the clock of this machine.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
    assert!(now < Duration::from_secs(4_102_444_800));
    let far = [("Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT")];
    assert_eq!(refusal((429, &far, "")).await.retry_after(), Some(DAY));
    for odd in [
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov",
    ] {
        let error = refusal((429, &[("Retry-After", odd)], "")).await;
        assert_eq!(error.retry_after(), None, "{odd}");
    }
}

#[tokio::test]
async fn f15_a_wait_has_bounds() {
    for (named, wait) in [
        ("0", Some(SECOND)),
        ("0.0", Some(SECOND)),
        ("7.2", Some(Duration::from_millis(7200))),
        ("\"7\"", Some(7 * SECOND)),
        ("1e2", Some(100 * SECOND)),
        ("1000000000000000000", Some(DAY)),
        ("1e300", Some(DAY)),
        ("99999999999999999999999999", Some(DAY)),
        ("\"x\"", None),
        ("\"\"", None),
        ("\"NaN\"", None),
        ("-1", None),
        ("-1e18", None),
        ("true", None),
    ] {
        let body = format!(
            r#"{{"ok":false,"error_code":429,"description":"Too Many","parameters":{{"retry_after":{named}}}}}"#
        );
        let error = refusal((429, &[], &body)).await;
        assert_eq!(error.retry_after(), wait, "{named}");
        assert_eq!(error.kind(), ErrorKind::Api, "{named}");
    }
    for (header, wait) in [("0", SECOND), ("99999999999999999999999", DAY)] {
        let error = refusal((429, &[("Retry-After", header)], "")).await;
        assert_eq!(error.retry_after(), Some(wait), "{header}");
    }
    for (words, wait) in [
        ("retry after 0", SECOND),
        ("Retry After 99999999999999999999", DAY),
    ] {
        let body = format!(r#"{{"ok":false,"error_code":429,"description":"{words}"}}"#);
        assert_eq!(
            refusal((429, &[], &body)).await.retry_after(),
            Some(wait),
            "{words}"
        );
    }
}

/// An HTTP client with these responses, and then the last one again and again.
fn in_turn(
    answers: &[Answer<'_>],
) -> (
    ClientBuilder<
        impl tower::Service<
            Request<ApiBody>,
            Response = Response<String>,
            Error = Infallible,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static,
    >,
    Arc<AtomicUsize>,
) {
    let answers: Vec<_> = answers.iter().copied().map(response).collect();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let http = service_fn(move |_: Request<ApiBody>| {
        let call = count.fetch_add(1, Ordering::Relaxed);
        let answer = answers[call.min(answers.len() - 1)].clone();
        ready(Ok::<_, Infallible>(answer))
    });
    let token = TOKEN.parse().expect("a token");
    (ClientBuilder::new(http, &token), calls)
}

#[tokio::test(start_paused = true)]
async fn f15_retries_wait_for_as_long_as_the_header_says() {
    const DONE: Answer<'_> = (200, &[], r#"{"ok":true,"result":true}"#);
    for (answer, seconds) in [
        ((429, &[("Retry-After", "7")][..], "<html>429</html>"), 7),
        (
            (
                429,
                &[("Retry-After", "7")],
                r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7"}"#,
            ),
            7,
        ),
        ((503, &[("Retry-After", "30")], "<html>503</html>"), 30),
    ] {
        let (builder, _) = in_turn(&[answer, DONE]);
        let client = builder.layer(RetryLayer::new()).build();
        let began = Instant::now();
        assert!(client.send(DeleteMessage::new(1, 2)).await.expect("done"));
        // And up to a second more, so that not all calls are repeated at once.
        let waited = began.elapsed();
        let named = Duration::from_secs(seconds);
        assert!(
            named <= waited && waited <= named + SECOND + SECOND / 100,
            "{answer:?}"
        );
    }
}

/// The chat paused forever.
#[tokio::test(start_paused = true)]
async fn f15_the_limiter_pauses_no_chat_for_longer_than_an_hour() {
    const SENT: &str =
        r#"{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"}}}"#;
    let forever = r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":1000000000000000000}}"#;
    let (builder, _) = in_turn(&[(429, &[], forever), (200, &[], SENT)]);
    let client = builder.layer(RateLimitLayer::new()).build();
    let began = Instant::now();
    let refused = client.send(SendMessage::new(1, "x")).await;
    assert!(refused.expect_err("it is refused").is_rate_limited());
    let sent = client.send(SendMessage::new(1, "x"));
    let sent = tokio::time::timeout(2 * DAY, sent).await;
    sent.expect("it ends").expect("sent");
    assert_eq!(began.elapsed().as_secs(), 3600);
}

/// Neither the token nor characters that would move a terminal's cursor.
#[tokio::test]
async fn a6_no_description_shows_the_token_or_control_characters() {
    let secret = TOKEN.split(':').nth(1).expect("a secret");
    let escaped = TOKEN.replace(':', "%3A");
    for words in [
        format!("Not Found: /bot{TOKEN}/getMe"),
        format!("Not Found: {TOKEN}"),
        format!("no file /var/lib/telegram-bot-api/{TOKEN}/videos/file_0.mp4"),
        format!("Not Found: /bot{escaped}/getMe"),
        format!("Not Found: /file/bot123456789:{secret}/x"),
        "a\\nb\\r\\u001b[2J\\u0000\\u009b\\u202ec\\u2028".to_owned(),
    ] {
        let body = format!(r#"{{"ok":false,"error_code":404,"description":"{words}"}}"#);
        let client = client((404, &[], &body));
        let error = client.send(GetMe::new()).await.expect_err("it is refused");
        for shown in [
            format!("{error}"),
            format!("{error:?}"),
            format!("{error:#?}"),
            error.description().expect("words").to_owned(),
        ] {
            assert!(!shown.contains(secret), "{shown}");
            let is_control = |c: char| c.is_control() && c != '\n';
            assert!(!shown.contains(is_control), "{shown:?}");
            let lines = if shown.contains("Error {\n") { 20 } else { 1 };
            assert!(shown.lines().count() <= lines, "{shown:?}");
            assert!(!shown.contains(['\u{202e}', '\u{2028}']), "{shown:?}");
        }
    }
}
