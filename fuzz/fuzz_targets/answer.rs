//! Any response to a call, plain, in pieces and compressed, compared with `serde_json`.

#![no_main]

use std::{convert::Infallible, io::Write as _, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use http::{Request, Response};
use http_body_util::StreamBody;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use tower::{ServiceExt, service_fn};
use tower_telegram::{BotToken, client::{ApiBody, ApiRequest, ApiResponse, BotApi, Error, ErrorKind}, methods::GetUpdates};
use tower_telegram_fuzz::{json::Json, now};

/// The client's result for a response.
fn call(status: u16, gzip: bool, frames: &[&[u8]]) -> Result<ApiResponse, Error> {
    let http = service_fn(async |_: Request<ApiBody>| {
        let frames: Vec<_> = frames.iter().map(|data| data.to_vec()).collect();
        let frames = frames.into_iter().map(|data| {
            let data = http_body::Frame::data(Bytes::from(data));
            Ok::<_, Infallible>(data)
        });
        let mut answer = Response::builder().status(status);
        if gzip {
            answer = answer.header("content-encoding", "gzip");
        }
        Ok::<_, Infallible>(answer.body(StreamBody::new(stream::iter(frames))).unwrap())
    });
    let api = BotApi::telegram(http, &BotToken::new("1:a").unwrap());
    let request = ApiRequest::raw("getUpdates", &json!({})).unwrap();
    now(api.oneshot(request))
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// All that the caller can see of an error or a result.
fn told(answer: &Result<ApiResponse, Error>) -> String {
    match answer {
        Ok(response) => format!("{:?}", response.result()),
        Err(error) => format!("{error:?} {error}"),
    }
}

/// A response that isn't a file.
fn result_of(response: &ApiResponse) -> &Bytes {
    response.result().unwrap()
}

/// A result is parsed only by the caller, and malformed ones must then be errors.
fn check_broken(response: &ApiResponse) {
    let is_json = Json::of(result_of(response)).is_some();
    assert!(is_json || response.decode::<GetUpdates>().is_err());
}

/// The code of a refusal: an integer, or a text or a fraction of zero that has its digits.
fn code_of(json: &Json) -> Option<i64> {
    let (Json::Number(text) | Json::String(text)) = json else {
        return None;
    };
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

/// Checks a text of an error, whatever the body was.
fn check_text(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(!text.contains("1:a"), "{text:?}");
}

/// Checks a refusal against the members that the reference found.
fn check_refusal(error: &Error, status: u16, json: Option<&Json>) {
    let member = |name: &str| json.and_then(|json| json.get(name));
    let ok = member("ok");
    let said = member("error_code").and_then(Json::integer);
    // A code alone marks an error if `ok` isn't a boolean.
    let is_odd = !matches!(ok, Some(Json::Bool(_))) && said.is_some();
    assert!(is_odd || ok == Some(&Json::Bool(false)));
    assert!(member("error_code").is_some());
    // Under the status of a success, a code that is a text counts too.
    let is_success = (200..300).contains(&status);
    let written = member("error_code").and_then(code_of).filter(|_| is_success);
    let said = said.or(written).filter(|code| (100..1000).contains(code));
    let code = said.unwrap_or(i64::from(status));
    let shown = error.status().map(|code| i64::from(code.as_u16()));
    assert_eq!(shown, Some(code));
    let description = member("description").and_then(Json::string).unwrap_or_default();
    let shown = error.description().unwrap();
    let is_plain = |c: char| c.is_ascii_alphabetic() || c == ' ';
    if description.chars().all(is_plain) {
        assert_eq!(shown, description);
    }
    let parameter = |name: &str| member("parameters")?.get(name)?.integer();
    let seconds = parameter("retry_after").and_then(|s| u64::try_from(s).ok());
    // Of 0 seconds, the description may have a longer wait.
    if let Some(seconds) = seconds.filter(|seconds| *seconds > 0) {
        let seconds = Duration::from_secs(seconds.min(86_400));
        assert_eq!(error.retry_after(), Some(seconds));
    }
    assert_eq!(error.migrate_to_chat_id(), parameter("migrate_to_chat_id"));
}

fn check(answer: &Result<ApiResponse, Error>, status: u16, length: usize, json: Option<&Json>) {
    let member = |name: &str| json.and_then(|json| json.get(name));
    let ok = member("ok");
    let result = member("result");
    match answer {
        Ok(response) if json.is_none() => check_broken(response),
        Ok(response) => {
            let is_odd = !matches!(ok, None | Some(Json::Bool(_)));
            let may_be_odd = (200..300).contains(&status) && member("error_code").is_none();
            assert!(ok == Some(&Json::Bool(true)) || (is_odd && may_be_odd));
            assert_eq!(Json::of(result_of(response)).as_ref(), result);
            // It must be a value or an error, whichever it is.
            let _ = response.decode::<GetUpdates>();
        }
        // A refusal with damaged letters is still one.
        Err(error) if json.is_none() => {
            assert!(matches!(error.kind(), ErrorKind::Api | ErrorKind::Http));
            let code = error.status().map(|code| code.as_u16());
            assert!(code == Some(status) || error.kind() == ErrorKind::Api);
            let description = error.description().unwrap_or_default();
            assert!(error.kind() == ErrorKind::Api || description.is_empty());
            // The dots in the place of a token may be longer than it.
            assert!(description.chars().count() <= 2 * length);
        }
        Err(error) if error.kind() == ErrorKind::Api => check_refusal(error, status, json),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Http);
            assert_eq!(error.status().map(|code| code.as_u16()), Some(status));
            if ok == Some(&Json::Bool(true)) {
                assert_eq!(result, None);
            }
            // Another program's.
            if ok == Some(&Json::Bool(false)) {
                assert_eq!(member("error_code"), None);
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[high, low, cut], body)) = data.split_first_chunk() else {
        return;
    };
    let status = 100 + u16::from_be_bytes([high, low]) % 900;
    let (first, rest) = body.split_at(usize::from(cut).min(body.len()));

    let whole = call(status, false, &[body]);
    if let Err(error) = &whole {
        check_text(&error.to_string());
        check_text(error.description().unwrap_or_default());
    }
    let json = Json::of(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    // Of keys that occur twice, either may count.
    if !json.as_ref().is_some_and(Json::has_doubles) {
        check(&whole, status, body.len(), json.as_ref());
    }
    let expected = told(&whole);
    assert_eq!(told(&call(status, false, &[first, b"", rest])), expected);
    assert_eq!(told(&call(status, true, &[&gzip(body)])), expected);
    let parts = [gzip(first), gzip(rest)].concat();
    assert_eq!(told(&call(status, true, &[&parts])), expected);
    // It claims to be compressed, and is so only by chance.
    let _ = call(status, true, &[first, rest]);
});
