//! Telegram's envelope around every result.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::broken_array;
use crate::{
    client::Error,
    json::{self, FromJson as _, Reader, Result as Read},
};

/// The JSON of the result, or the error that came instead of one.
pub(super) fn read_envelope(status: StatusCode, body: &Bytes) -> Result<Bytes, Error> {
    read_strictly(status, body).or_else(|error| {
        let result = broken_array::find(body).filter(|_| status.is_success());
        result.map(|result| body.slice(result)).ok_or(error)
    })
}

fn read_strictly(status: StatusCode, body: &Bytes) -> Result<Bytes, Error> {
    let text = json::utf8(body).map_err(|_| Error::http(status))?;
    let mut r = Reader::new(text);
    let Ok(answer) = ResponseEnvelope::read(&mut r) else {
        return Err(Error::http(status));
    };
    match (answer.ok, answer.result) {
        (Some(true), Some(result)) => Ok(body.slice_ref(result.as_bytes())),
        (Some(false), _) => Err(answer.into_error(status)),
        _ => Err(Error::http(status)),
    }
}

#[derive(Default)]
struct ResponseEnvelope<'a> {
    ok: Option<bool>,
    result: Option<&'a str>,
    error_code: Option<i64>,
    description: Option<Box<str>>,
    retry_after: Option<i64>,
    migrate_to_chat_id: Option<i64>,
}

impl<'a> ResponseEnvelope<'a> {
    fn read(r: &mut Reader<'a>) -> Read<Self> {
        let mut answer = Self::default();
        let mut more = r.open_object()?;
        while more {
            match &*r.key_text()? {
                "ok" => r.field(&mut answer.ok, "ok")?,
                "result" => answer.result = Some(r.raw()?),
                "error_code" => r.field(&mut answer.error_code, "error_code")?,
                "description" => answer.description = Some(r.text()?.into()),
                "parameters" => answer.read_parameters(r)?,
                _ => r.skip()?,
            }
            more = r.next_member()?;
        }
        r.finish()?;
        Ok(answer)
    }

    fn read_parameters(&mut self, r: &mut Reader<'a>) -> Read<()> {
        let parameters = crate::types::ResponseParameters::from_json(r)?;
        self.retry_after = parameters.retry_after;
        self.migrate_to_chat_id = parameters.migrate_to_chat_id;
        Ok(())
    }

    fn into_error(self, status: StatusCode) -> Error {
        let code = self.error_code.and_then(|code| u16::try_from(code).ok());
        let code = code.and_then(|code| StatusCode::from_u16(code).ok());
        let seconds = self.retry_after.and_then(|s| u64::try_from(s).ok());
        Error::api(
            code.unwrap_or(status),
            self.description.unwrap_or_default(),
            seconds.map(Duration::from_secs),
            self.migrate_to_chat_id,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(body: &'static str) -> Option<Bytes> {
        read_envelope(StatusCode::OK, &Bytes::from_static(body.as_bytes())).ok()
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
                let read = read_envelope(StatusCode::OK, &Bytes::from(body.clone()));
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
