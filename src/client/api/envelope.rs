//! Telegram's envelope around every result.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::{broken_array, retry_after};
use crate::{
    client::{Error, redact::redacted},
    json::{self, FromJson, Reader, Result as Read},
};

/// The JSON of the result, or the error that came instead of one.
///
/// Members that are null or of another type than Telegram's count as absent, so that they cost nothing
/// but themselves: servers of other people's write such.
pub(super) fn read_envelope(status: StatusCode, body: &Bytes, token: &str) -> Result<Bytes, Error> {
    read_strictly(status, body, token).or_else(|error| {
        let result = broken_array::find(body).filter(|_| status.is_success());
        result.map(|result| body.slice(result)).ok_or(error)
    })
}

fn read_strictly(status: StatusCode, body: &Bytes, token: &str) -> Result<Bytes, Error> {
    let text = json::utf8(body).map_err(|_| Error::http(status))?;
    let mut r = Reader::new(text);
    let Ok(answer) = ResponseEnvelope::read(&mut r) else {
        return Err(Error::http(status));
    };
    match (answer.ok, answer.result) {
        (Some(true), Some(result)) => Ok(body.slice_ref(result.as_bytes())),
        (Some(false), _) => Err(answer.into_error(status, token)),
        // A refusal whose `ok` is odd. Other programs' JSON may have one of the two, but hardly both.
        (None, None | Some("null")) if answer.has_code_and_words() => {
            Err(answer.into_error(status, token))
        }
        _ => Err(Error::http(status)),
    }
}

#[derive(Default)]
struct ResponseEnvelope<'a> {
    ok: Option<bool>,
    result: Option<&'a str>,
    error_code: Option<i64>,
    description: Option<&'a str>,
    retry_after: Option<Duration>,
    migrate_to_chat_id: Option<i64>,
}

impl<'a> ResponseEnvelope<'a> {
    fn read(r: &mut Reader<'a>) -> Read<Self> {
        let mut answer = Self::default();
        let mut more = r.open_object()?;
        while more {
            match &*r.key_text()? {
                "ok" => read_fitting(r, &mut answer.ok)?,
                "result" => answer.read_result(r)?,
                "error_code" => read_fitting(r, &mut answer.error_code)?,
                "description" => answer.read_description(r)?,
                "parameters" => answer.read_parameters(r)?,
                _ => r.skip()?,
            }
            more = r.next_member()?;
        }
        r.finish()?;
        Ok(answer)
    }

    fn read_result(&mut self, r: &mut Reader<'a>) -> Read<()> {
        let result = r.raw()?;
        if self.result.is_none() || result != "null" {
            self.result = Some(result);
        }
        Ok(())
    }

    fn has_code_and_words(&self) -> bool {
        let code = self.error_code;
        code.is_some_and(|code| (400..600).contains(&code)) && self.description.is_some()
    }

    /// As it stands in the text: a success needs no copy of it.
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

    fn into_error(self, status: StatusCode, token: &str) -> Error {
        let code = self.error_code.and_then(|code| u16::try_from(code).ok());
        let code = code.and_then(|code| StatusCode::from_u16(code).ok());
        let description = self.description.and_then(|raw| {
            let text = Reader::new(raw).text().ok()?;
            Some(redacted(&text, token))
        });
        Error::api(
            code.unwrap_or(status),
            description.unwrap_or_default().into(),
            self.retry_after,
            self.migrate_to_chat_id,
        )
    }
}

/// Reads a member where it has the type that it should have, and else goes past it.
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

    fn result(body: &'static str) -> Option<Bytes> {
        read_envelope(StatusCode::OK, &Bytes::from_static(body.as_bytes()), "").ok()
    }

    #[test]
    fn a_result_is_the_same_wherever_it_stands_in_the_envelope() {
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
                let read = read_envelope(StatusCode::OK, &Bytes::from(body.clone()), "");
                assert_eq!(read.unwrap(), text, "{body}");
            }
        }
    }

    #[test]
    fn a_result_that_does_not_end_is_none() {
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
