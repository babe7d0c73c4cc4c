//! The envelope around every result: `{"ok":true,"result":…}`.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::{broken_array, damaged_text};
use crate::{
    client::{Error, ErrorKind, redact::redacted, retry_after},
    json::{self, FromJson, Reader, Result as Read},
};

/// The parts of the HTTP response's head that the envelope is read with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResponseHead {
    pub(super) status: StatusCode,
    /// The header `Retry-After`.
    pub(super) wait: Option<Duration>,
}

/// Returns the JSON of the result, or the error that the response reports.
///
/// Members that are null or of another type than Telegram's count as absent, so that the other members are still
/// read. Servers other than Telegram's write such members.
pub(super) fn read_envelope(head: ResponseHead, body: &Bytes, token: &str) -> Result<Bytes, Error> {
    let text = json::utf8(body).ok();
    let text = text.map(|text| text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text));
    let read = text.and_then(ResponseEnvelope::of_text);
    match read {
        Some(answer) => answer
            .into_result(head, token)
            .map(|result| body.slice_ref(result.as_bytes())),
        None => read_damaged(head, body, token),
    }
}

/// The mark that some programs begin a text with. [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259#section-8.1) forbids
/// it, and lets readers ignore it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads an envelope that isn't JSON throughout. Of a success only an array is found, because any other result may have
/// lost anything. Damaged letters of a refusal cost themselves.
#[cold]
fn read_damaged(head: ResponseHead, body: &Bytes, token: &str) -> Result<Bytes, Error> {
    let result = broken_array::find(body).filter(|_| head.status.is_success());
    if let Some(result) = result {
        return Ok(body.slice(result));
    }
    let text = damaged_text::repaired(body).unwrap_or_default();
    let refusal = ResponseEnvelope::of_text(&text).and_then(|answer| {
        let read = answer.into_result(head, token);
        read.err().filter(|error| error.kind() == ErrorKind::Api)
    });
    Err(refusal.unwrap_or_else(|| not_json(head.status, body)))
}

/// The error of a body that isn't JSON. A body that begins as an object may be a part of the Bot API's response. An
/// empty one comes from a server's HTTP reader, which hasn't passed the call on.
fn not_json(status: StatusCode, body: &[u8]) -> Error {
    if body.trim_ascii_start().starts_with(b"{") {
        Error::http(status)
    } else {
        Error::foreign(status)
    }
}

#[derive(Default)]
struct ResponseEnvelope<'a> {
    ok: Option<bool>,
    /// Whether there is an `ok`, of whatever type.
    has_ok: bool,
    result: Option<&'a str>,
    error_code: Option<i64>,
    /// An `error_code` that is a text or has a fraction of zero.
    written_code: Option<i64>,
    /// Whether there is an `error_code`, of whatever type.
    has_code: bool,
    description: Option<&'a str>,
    retry_after: Option<Duration>,
    migrate_to_chat_id: Option<i64>,
}

impl<'a> ResponseEnvelope<'a> {
    /// `None` for a text that isn't an object in JSON.
    fn of_text(text: &'a str) -> Option<Self> {
        Self::read(&mut Reader::new(text)).ok()
    }

    /// The JSON of the result, or the error that the response reports.
    fn into_result(self, head: ResponseHead, token: &str) -> Result<&'a str, Error> {
        match (self.ok, self.result) {
            (Some(true), Some(result)) => Ok(result),
            // An `ok` of another type, such as null or 1, hides neither the result nor the refusal beside it.
            (None, Some(result)) if self.is_result(head.status) => Ok(result),
            // Other programs write `"ok":false` too. Telegram's server always adds its `error_code`.
            (Some(false), _) if self.has_code => Err(self.into_error(head, token)),
            // Other programs' JSON may have a code or a description, but hardly both.
            (None, None | Some("null")) if self.has_code_and_words() => {
                Err(self.into_error(head, token))
            }
            _ => Err(Error::foreign(head.status)),
        }
    }

    fn read(r: &mut Reader<'a>) -> Read<Self> {
        let mut answer = Self::default();
        let mut more = r.open_object()?;
        while more {
            match &*r.key_text()? {
                "ok" => {
                    answer.has_ok = true;
                    read_fitting(r, &mut answer.ok)?;
                }
                "result" => answer.read_result(r)?,
                "error_code" => answer.read_code(r)?,
                "description" => answer.read_description(r)?,
                "parameters" => answer.read_parameters(r)?,
                _ => r.skip()?,
            }
            more = r.next_member()?;
        }
        r.finish()?;
        Ok(answer)
    }

    /// Telegram writes an integer, and other servers a text or a fraction of zero.
    fn read_code(&mut self, r: &mut Reader<'a>) -> Read<()> {
        self.has_code = true;
        if r.peek() == Some(b'"') {
            self.written_code = in_digits(&r.text()?);
            return Ok(());
        }
        let raw = r.raw()?;
        self.error_code = raw.parse().ok().or(self.error_code);
        self.written_code = in_digits(raw);
        Ok(())
    }

    fn read_result(&mut self, r: &mut Reader<'a>) -> Read<()> {
        let result = r.raw()?;
        if self.result.is_none() || result != "null" {
            self.result = Some(result);
        }
        Ok(())
    }

    /// Whether this is a success though its `ok` isn't a boolean.
    fn is_result(&self, status: StatusCode) -> bool {
        let is_null = self.result == Some("null");
        status.is_success() && self.has_ok && !self.has_code && !is_null
    }

    fn has_code_and_words(&self) -> bool {
        let code = self.error_code;
        code.is_some_and(|code| (400..600).contains(&code)) && self.description.is_some()
    }

    /// Keeps the JSON as it is, because most descriptions aren't needed.
    fn read_description(&mut self, r: &mut Reader<'a>) -> Read<()> {
        let is_text = r.peek() == Some(b'"');
        let raw = r.raw()?;
        if is_text {
            self.description = Some(raw);
        }
        Ok(())
    }

    fn read_parameters(&mut self, r: &mut Reader<'a>) -> Read<()> {
        if r.peek() != Some(b'{') {
            return r.skip();
        }
        let mut more = r.open_object()?;
        while more {
            match &*r.key_text()? {
                "retry_after" => {
                    let named = retry_after::in_json(r.raw()?);
                    self.retry_after = named.or(self.retry_after);
                }
                "migrate_to_chat_id" => read_fitting(r, &mut self.migrate_to_chat_id)?,
                _ => r.skip()?,
            }
            more = r.next_member()?;
        }
        Ok(())
    }

    fn into_error(self, head: ResponseHead, token: &str) -> Error {
        // Under the status of a success, a code that isn't Telegram's integer still says more than the status.
        let written = self.written_code.filter(|_| head.status.is_success());
        let code = self.error_code.or(written);
        let code = code.and_then(|code| u16::try_from(code).ok());
        let code = code.and_then(|code| StatusCode::from_u16(code).ok());
        let description = self.description.and_then(|raw| {
            let text = Reader::new(raw).text().ok()?;
            Some(redacted(&text, token))
        });
        let description = description.unwrap_or_default();
        let wait = retry_after::choose(self.retry_after, head.wait, &description);
        Error::api(
            code.unwrap_or(head.status),
            description.into(),
            wait,
            self.migrate_to_chat_id,
        )
    }
}

/// The number of a text of digits, or of one with a fraction of zero.
fn in_digits(text: &str) -> Option<i64> {
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

/// Reads a member that has the expected type, and skips one that hasn't.
fn read_fitting<T: FromJson>(r: &mut Reader<'_>, slot: &mut Option<T>) -> Read<()> {
    let mark = r.mark();
    match T::from_json(r) {
        Ok(value) => *slot = Some(value),
        Err(_) if r.is_mismatch() => {
            r.rewind(mark);
            r.skip()?;
        }
        Err(aborted) => return Err(aborted),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Reason;

    const OK: ResponseHead = ResponseHead {
        status: StatusCode::OK,
        wait: None,
    };

    fn result(body: &'static str) -> Option<Bytes> {
        read_envelope(OK, &Bytes::from_static(body.as_bytes()), "").ok()
    }

    #[test]
    fn a_result_is_the_same_anywhere_in_the_envelope() {
        for text in [
            r#"{"a":[1,{"b":"}]\"\\"}],"c":"{"}"#,
            r#"[[],"]",{}]"#,
            "{}",
            "true",
            "-7",
            r#""}""#,
        ] {
            for body in [
                format!(r#"{{"ok":true,"result":{text}}}"#),
                format!("{{\"ok\":true,\"result\":{text}}}\r\n"),
                format!(r#"{{"ok":true,"result":{text} }}"#),
                format!(r#"{{"ok":true,"result":{text},"description":"}}"}}"#),
                format!(r#"{{"result":{text},"ok":true}}"#),
            ] {
                let read = read_envelope(OK, &Bytes::from(body.clone()), "");
                assert_eq!(read.unwrap(), text, "{body}");
            }
        }
    }

    #[test]
    fn f16_a_byte_order_mark_before_the_envelope_is_passed_over() {
        let body = "\u{feff}{\"ok\":true,\"result\":7}";
        assert_eq!(result(body).unwrap(), "7");
        let body = "\u{feff}{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request\"}";
        let error = read_envelope(OK, &Bytes::from_static(body.as_bytes()), "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Api);
        assert_eq!(result("\u{feff}\u{feff}{\"ok\":true,\"result\":7}"), None);
        assert_eq!(result("\u{feff}"), None);
    }

    #[test]
    fn f16_a_code_counts_as_a_text_too() {
        for (code, expected) in [
            ("429", 429),
            ("\"429\"", 429),
            ("\"42\\u0039\"", 429),
            ("\"429.0\"", 429),
            ("429.0", 429),
            ("null", 200),
            ("\"many\"", 200),
            ("\"-1\"", 200),
            ("1e400", 200),
            ("\"\"", 200),
            ("1000", 200),
            ("99", 200),
            ("[429]", 200),
        ] {
            let body = format!(r#"{{"ok":false,"error_code":{code},"description":"Too Many"}}"#);
            let error = read_envelope(OK, &Bytes::from(body), "").unwrap_err();
            assert_eq!(
                error.status(),
                StatusCode::from_u16(expected).ok(),
                "{code}"
            );
        }
    }

    /// A status that is no success says as much as such a code.
    #[test]
    fn f16_a_code_that_is_no_integer_counts_under_a_success_alone() {
        for code in ["403.0", "\"403\""] {
            let body = format!(r#"{{"ok":false,"error_code":{code},"description":"x"}}"#);
            for (status, expected) in [(400, 400), (502, 502), (200, 403), (204, 403)] {
                let head = ResponseHead {
                    status: StatusCode::from_u16(status).unwrap(),
                    wait: None,
                };
                let error = read_envelope(head, &Bytes::from(body.clone()), "").unwrap_err();
                let shown = error.status().map(|status| status.as_u16());
                assert_eq!(shown, Some(expected), "{code} under {status}");
            }
        }
    }

    #[test]
    fn f16_a_refusal_with_invalid_escapes_keeps_its_code_and_reason() {
        for description in [
            r"Bad Request: can\'t parse entities",
            r"Bad Request: can\x27t parse entities",
            r"Bad Request: can't\x20parse entities",
            r"Bad Request: can't parse entities: \ud83d",
            r"Bad Request: can't parse entities: \ude00\ud83d",
            r"Bad Request: can't parse entities: C:\dir \u12",
            r"Bad Request: can't parse entities: \u{1f600}\e[0m\v",
            "Bad Request: can't parse\tentities",
            "Bad Request: can't parse\\\nentities",
            "Bad Request: can't parse entities: \0\u{1b}[2J",
        ] {
            for (before, behind) in [
                (r#"{"ok":false,"error_code":400,"description":""#, "\"}"),
                (r#"{"description":""#, r#"","error_code":"400","ok":false}"#),
                (
                    "\u{feff}{\"odd\":\"\\q\",\"ok\":false,\"description\":\"",
                    r#"","parameters":{"a":"\'"},"error_code":400}"#,
                ),
            ] {
                let body = [before, description, behind].concat();
                let error = read_envelope(OK, &Bytes::from(body.clone()), "").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Api, "{body}");
                assert_eq!(error.status(), Some(StatusCode::BAD_REQUEST), "{body}");
                assert_eq!(error.reason(), Some(Reason::CantParseEntities), "{body}");
                let shown = error.description().unwrap();
                assert!(!shown.contains(char::is_control), "{shown:?}");
            }
        }
    }

    #[test]
    fn f16_control_characters_in_a_description_cost_themselves() {
        let body = "{\"ok\":false,\"error_code\":400,\"description\":\"chat\nnot\tfound\"}";
        let error = read_envelope(OK, &Bytes::from_static(body.as_bytes()), "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Api);
        assert_eq!(error.description(), Some("chat not found"));
    }

    #[test]
    fn a_result_that_breaks_off_is_an_error() {
        for body in [
            r#"{"ok":true,"result":{"#,
            r#"{"ok":true,"result":{}"#,
            r#"{"ok":true,"result":{"a"}"#,
            r#"{"ok":true,"result":{"a\"}}"#,
            r#"{"ok":true,"result":]}"#,
            r#"{"ok":true,"result":}"#,
            r#"{"ok":true,"result":{}}}"#,
            r#"{"ok":true,"result":{},}"#,
            r#"{"ok":true,"result":"#,
        ] {
            assert_eq!(result(body), None, "{body}");
        }
    }
}
