//! F5, F12, F15, F16: responses of mocks, proxies and messengers that speak the Bot API, input by input.

use std::{convert::Infallible, future::ready, io::Write as _, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_telegram::{
    Client,
    client::{ApiBody, BotApi, Error, ErrorKind, Reason},
    methods::{CopyMessages, DeleteMessage},
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

type Headers<'a> = &'a [(&'static str, &'a [u8])];

/// A client whose every call gets this response.
fn client(status: u16, headers: Headers<'_>, body: &[u8]) -> Client {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value).expect("a header");
        response = response.header(*name, value);
    }
    let body = Full::new(Bytes::copy_from_slice(body));
    let response = response.body(body).expect("a response");
    let http = service_fn(move |_: Request<ApiBody>| ready(Ok::<_, Infallible>(response.clone())));
    let token = "7:secret".parse().expect("a token");
    Client::from_service(BotApi::telegram(http, &token))
}

async fn outcome(status: u16, headers: Headers<'_>, body: &[u8]) -> Result<bool, Error> {
    let client = client(status, headers, body);
    client.send(DeleteMessage::new(1, 2)).await
}

async fn error(status: u16, headers: Headers<'_>, body: &[u8]) -> Error {
    let shown = String::from_utf8_lossy(body).into_owned();
    let done = outcome(status, headers, body).await;
    done.expect_err(&shown)
}

/// Whatever is missing, it is neither a success nor a refusal, and the status says whether the call was carried out.
#[tokio::test]
async fn f5_f16_an_envelope_that_is_cut_at_any_byte_is_neither_a_result_nor_a_refusal() {
    let success = br#"{"ok":true,"result":true,"description":"x"}"#;
    let refusal = br#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user","parameters":{"retry_after":7}}"#;
    for (whole, statuses) in [
        (&success[..], [200, 201, 502]),
        (&refusal[..], [200, 403, 500]),
    ] {
        for length in 0..whole.len() {
            for status in statuses {
                let part = &whole[..length];
                let error = error(status, &[], part).await;
                let shown = String::from_utf8_lossy(part);
                assert_eq!(error.kind(), ErrorKind::Http, "{status} {shown}: {error:?}");
                assert_eq!(error.may_have_arrived(), status != 403, "{status} {shown}");
                assert_eq!(error.is_retryable(), status != 403, "{status} {shown}");
                assert_eq!(error.reason(), None, "{status} {shown}");
            }
        }
    }
}

/// A damaged letter costs itself, and not the refusal around it.
#[tokio::test]
async fn f16_a_refusal_is_one_whatever_letters_its_words_have() {
    let refusal = |words: &[u8]| {
        let head = &br#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user "#[..];
        [head, words, b"\"}"].concat()
    };
    for (words, shown) in [
        // Latin-1, a letter cut in half, an overlong one, a surrogate, and no letter at all.
        (&b"\xe9"[..], "\u{fffd}"),
        (b"\xf0\x9f\x98", "\u{fffd}"),
        (b"\xc0\xaf", "\u{fffd}\u{fffd}"),
        (b"\xed\xa0\xbd", "\u{fffd}\u{fffd}\u{fffd}"),
        (b"\xff", "\u{fffd}"),
        (b"\\ud83d", "\u{fffd}"),
        (b"\\ude00\\ud83d!", "\u{fffd}\u{fffd}!"),
        (b"\\ud83d\\ude00", "\u{1f600}"),
        (b"\\u0000", " "),
        (b"\\u0007\\u001b[2J", "  [2J"),
        (b"\\u202e", " "),
        (b"\xe2\x80\xae", " "),
    ] {
        let error = error(403, &[], &refusal(words)).await;
        let text = String::from_utf8_lossy(words);
        assert_eq!(error.kind(), ErrorKind::Api, "{text}: {error:?}");
        assert_eq!(error.reason(), Some(Reason::BlockedByUser), "{text}");
        let description = error.description().expect("it has one");
        let end = description.rsplit("user ").next();
        assert_eq!(end, Some(shown), "{text}");
    }
}

/// In a member that isn't read, they cost nothing either.
#[tokio::test]
async fn f16_damaged_letters_elsewhere_in_an_envelope_cost_nothing() {
    for odd in [&b"\xe9"[..], b"\xf0\x9f\x98", b"\\ud83d"] {
        let body = [
            &br#"{"ok":false,"error_code":400,"host":""#[..],
            odd,
            br#"","description":"Bad Request: chat not found"}"#,
        ]
        .concat();
        let error = error(400, &[], &body).await;
        let text = String::from_utf8_lossy(&body);
        assert_eq!(error.kind(), ErrorKind::Api, "{text}: {error:?}");
        assert_eq!(error.reason(), Some(Reason::ChatNotFound), "{text}");
        // A result that isn't JSON throughout may have lost anything.
        let body = [&br#"{"ok":true,"result":{"a":""#[..], odd, br#""}}"#].concat();
        let error = self::error(200, &[], &body).await;
        assert_eq!(error.kind(), ErrorKind::Http, "{odd:?}");
        assert!(error.may_have_arrived());
    }
}

/// Codes and ids that are no integers of 64 bits count as absent.
#[tokio::test]
async fn f16_numbers_that_are_none_count_as_absent() {
    for number in [
        "403.0",
        "4.03e2",
        "-403",
        "-0",
        "0",
        "1",
        "99",
        "1000",
        "65536",
        "65939",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "-1e400",
        "1e-400",
        "\"403\"",
        "\"\"",
        "null",
        "true",
        "[403]",
        "{\"code\":403}",
    ] {
        let body =
            format!(r#"{{"ok":false,"error_code":{number},"description":"Bad Request: x"}}"#);
        let error = error(400, &[], body.as_bytes()).await;
        assert_eq!(error.kind(), ErrorKind::Api, "{body}: {error:?}");
        let status = error.status().map(|status| status.as_u16());
        assert_eq!(status, Some(400), "{body}");
        assert_eq!(error.description(), Some("Bad Request: x"), "{body}");
    }
    for (number, id) in [
        ("-1001234567890", Some(-1_001_234_567_890)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("-1e3", None),
        ("-1001.0", None),
        ("9223372036854775808", None),
        ("\"-1001\"", None),
    ] {
        let body = format!(
            r#"{{"ok":false,"error_code":400,"description":"x","parameters":{{"migrate_to_chat_id":{number}}}}}"#
        );
        let error = error(400, &[], body.as_bytes()).await;
        assert_eq!(error.migrate_to_chat_id(), id, "{number}");
    }
}

/// A result counts under each status; a status without a result doesn't count as one.
#[tokio::test]
async fn f16_the_envelope_decides_and_not_the_status() {
    let success = br#"{"ok":true,"result":true}"#;
    for status in [200, 201, 202, 203, 206, 299, 400, 404, 500, 502, 599] {
        let done = outcome(status, &[], success).await;
        assert!(done.is_ok_and(|done| done), "{status}");
    }
    let refusal = br#"{"ok":false,"error_code":403,"description":"Forbidden: x"}"#;
    for status in [200, 201, 299, 302, 400, 404, 500, 503] {
        let error = error(status, &[], refusal).await;
        assert_eq!(error.kind(), ErrorKind::Api, "{status}");
        assert!(error.is_forbidden() && !error.is_retryable(), "{status}");
        assert!(!error.may_have_arrived(), "{status}");
    }
    for status in [
        200, 201, 202, 203, 204, 205, 206, 208, 226, 300, 304, 307, 308,
    ] {
        for body in [&b""[..], b" ", b"\n", b"<html>200</html>", b"OK"] {
            let error = error(status, &[], body).await;
            assert_eq!(error.kind(), ErrorKind::Http, "{status}");
            assert_eq!(error.may_have_arrived(), status < 300, "{status}");
        }
    }
}

/// Deeper than any program nests, and wider.
#[tokio::test]
async fn f16_unknown_members_of_any_depth_and_number_cost_themselves() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let refusal = |member: &str| {
        format!(
            r#"{{"x":{member},"ok":false,"error_code":400,"description":"Bad Request: chat not found"}}"#
        )
    };
    let wide = format!("[{}1]", "{\"a\":null},".repeat(50_000));
    for member in [
        nested(100),
        nested(126),
        wide,
        format!("\"{}\"", "x".repeat(1 << 20)),
    ] {
        let error = error(400, &[], refusal(&member).as_bytes()).await;
        assert_eq!(error.reason(), Some(Reason::ChatNotFound), "{error:?}");
    }
    // Over the limit it isn't read, and no stack ends.
    for depth in [128, 1000, 100_000] {
        let error = error(400, &[], refusal(&nested(depth)).as_bytes()).await;
        assert_eq!(error.kind(), ErrorKind::Http, "{depth}: {error:?}");
        assert!(
            !error.is_retryable() && !error.may_have_arrived(),
            "{depth}"
        );
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[tokio::test]
async fn f5_a_body_is_decompressed_by_what_its_header_says() {
    let plain = &br#"{"ok":true,"result":true}"#[..];
    let packed = gzip(plain);
    let twice = gzip(&packed);
    let two_members = [gzip(&plain[..9]), gzip(&plain[9..])].concat();
    for (what, encodings, body, is_read) in [
        ("gzip", &[&b"gzip"[..]][..], &packed[..], true),
        ("upper case", &[b"GZIP"], &packed, true),
        ("its old name", &[b"x-gzip"], &packed, true),
        ("spaces", &[b" gzip "], &packed, true),
        ("two members", &[b"gzip"], &two_members, true),
        ("none", &[b"identity"], plain, true),
        ("no header", &[], plain, true),
        ("an empty header", &[b""], plain, true),
        ("an untrue header", &[b"gzip"], plain, false),
        ("half of it", &[b"gzip"], &packed[..packed.len() / 2], false),
        ("nothing of it", &[b"gzip"], b"", false),
        ("another one", &[b"br"], b"\x0b\x02\x80", false),
        ("no header, and yet", &[], &packed, false),
        ("twice", &[b"gzip, gzip"], &twice, false),
    ] {
        let headers: Vec<_> = encodings
            .iter()
            .map(|value| ("Content-Encoding", *value))
            .collect();
        let done = outcome(200, &headers, body).await;
        assert_eq!(done.is_ok(), is_read, "{what}: {done:?}");
        if let Err(error) = done {
            assert_eq!(error.kind(), ErrorKind::Http, "{what}");
            assert!(error.may_have_arrived(), "{what}");
        }
    }
}

/// Integers of any length, fractions, dates; and what is neither.
#[tokio::test]
async fn f15_headers_of_other_servers_are_read_or_ignored() {
    let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    for (value, wait) in [
        (&b"7"[..], Some(7 * SECOND)),
        (b"007", Some(7 * SECOND)),
        (b" 7\t", Some(7 * SECOND)),
        (b"7.", Some(7 * SECOND)),
        (b"7.0", Some(7 * SECOND)),
        (b"0.000001", Some(SECOND)),
        (b"86400", Some(DAY)),
        (b"86401", Some(DAY)),
        (b"9007199254740993", Some(DAY)),
        (b"18446744073709551616", Some(DAY)),
        (b"340282366920938463463374607431768211456", Some(DAY)),
        (b"-0", None),
        (b"-7", None),
        (b"+7", None),
        (b"7s", None),
        (b"7 seconds", None),
        (b"7, 30", Some(7 * SECOND)),
        (b"7;30", None),
        (b"PT7S", None),
        (b"0x7", None),
        (b"7_000", None),
        (b"1,000", None),
        (b"\xb2", None),
        (b"\xd9\xa7", None),
        (b"\"7\"", None),
        (b"", None),
        (b" ", None),
        (b".", None),
        (b"..", None),
        (b"infinity", None),
        (b"Sun, 06 Nov 1994 08:49:44 GMT", Some(7 * SECOND)),
        (b"Sunday, 06-Nov-94 08:49:44 GMT", Some(7 * SECOND)),
        (b"Sun Nov  6 08:49:44 1994", Some(7 * SECOND)),
        // The letters of a date have one case.
        (b"sun, 06 nov 1994 08:49:44 gmt", None),
        (b"Sun, 06 Nov 1994 08:49:37 GMT", Some(SECOND)),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", Some(SECOND)),
        (b"Fri, 31 Dec 9999 23:59:59 GMT", Some(DAY)),
        (b"Sun, 06 Nov 1994 08:49:44 +0000", None),
        (b"1994-11-06T08:49:44Z", None),
    ] {
        let headers = [("Date", &date[..]), ("Retry-After", value)];
        let error = error(429, &headers, b"").await;
        let shown = String::from_utf8_lossy(value);
        assert_eq!(error.retry_after(), wait, "{shown}");
        assert!(error.is_rate_limited() && error.is_retryable(), "{shown}");
    }
    // A date that can't be read is none, and the clock of this machine counts: that date has passed.
    for date in [
        &b"yesterday"[..],
        b"",
        b"\xff",
        b"Sun, 06 Nov 1994 24:61:37 GMT",
    ] {
        let until = &b"Sun, 06 Nov 1994 08:49:44 GMT"[..];
        let headers = [("Date", date), ("Retry-After", until)];
        assert_eq!(error(429, &headers, b"").await.retry_after(), Some(SECOND));
    }
}

/// Of several messages some may have been sent, unless the whole call was refused by another program.
#[tokio::test]
async fn f12_any_refusal_of_several_messages_leaves_it_open_whether_some_were_sent() {
    for (status, body, may_have_arrived) in [
        (
            400,
            r#"{"ok":false,"error_code":400,"description":"Bad Request: message to copy not found"}"#,
            true,
        ),
        (
            400,
            r#"{"ok":false,"error_code":400,"description":null}"#,
            true,
        ),
        (403, r#"{"ok":false,"error_code":403}"#, true),
        (
            200,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 8"}"#,
            true,
        ),
        (
            429,
            r#"{"ok":false,"error_code":"429","parameters":{"retry_after":"8"}}"#,
            true,
        ),
        (429, "<html>429</html>", false),
        (403, r#"{"ok":false,"error":"forbidden"}"#, false),
        (413, "", false),
        (502, "<html>502</html>", true),
        (200, "<html>200</html>", true),
    ] {
        let client = client(status, &[], body.as_bytes());
        let copies = client.send(CopyMessages::new(1, 2, vec![3, 4])).await;
        let error = copies.expect_err("it is refused");
        assert_eq!(
            error.may_have_arrived(),
            may_have_arrived,
            "{status} {body}"
        );
    }
}

/// A page of a proxy, by its status.
#[tokio::test]
async fn f5_a_call_is_worth_repeating_by_what_the_status_of_a_page_says() {
    for (status, is_worth_it, may_have_arrived) in [
        (301, false, false),
        (400, false, false),
        (401, false, false),
        (403, false, false),
        (404, false, false),
        (405, false, false),
        (407, false, false),
        // The proxy may have passed the call on before it took too long.
        (408, true, true),
        (413, false, false),
        (421, false, false),
        (425, true, false),
        (429, true, false),
        (431, false, false),
        (451, false, false),
        (500, true, true),
        (501, true, true),
        (502, true, true),
        (503, true, true),
        (504, true, true),
        (520, true, true),
        (599, true, true),
    ] {
        for body in [&b"<html>"[..], b"", b"{\"error\":1}", b"{\"ok\":false}"] {
            let error = error(status, &[], body).await;
            assert_eq!(error.kind(), ErrorKind::Http, "{status}: {error:?}");
            assert_eq!(error.is_retryable(), is_worth_it, "{status}");
            assert_eq!(error.may_have_arrived(), may_have_arrived, "{status}");
        }
    }
}
