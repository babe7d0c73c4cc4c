//! Telegram's envelope around every result.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::Error;
use crate::{
    json::{self, FromJson as _, Reader, Result as Read},
    words::{HIGHS, ONES, eight},
};

/// How a result that is an object or a list begins, as Telegram's server writes it.
const RESULT: &[u8] = br#"{"ok":true,"result":"#;

/// The JSON of the result, or the error that came instead of one. What the result holds is looked into
/// only by who reads it.
pub(super) fn read_answer(status: StatusCode, body: &Bytes) -> Result<Bytes, Error> {
    if let Some(length) = body.strip_prefix(RESULT).and_then(only_member) {
        return Ok(body.slice(RESULT.len()..RESULT.len() + length));
    }
    let text = json::utf8(body).map_err(|_| Error::http(status))?;
    let mut r = Reader::new(text);
    let Ok(answer) = Answer::read(&mut r) else {
        return Err(Error::http(status));
    };
    match (answer.ok, answer.result) {
        (Some(true), Some(result)) => Ok(body.slice_ref(result.as_bytes())),
        (Some(false), _) => Err(answer.into_error(status)),
        _ => Err(Error::http(status)),
    }
}

/// The length of an object or a list after which the envelope ends; it isn't read twice for that.
fn only_member(text: &[u8]) -> Option<usize> {
    let length = bracketed(text)?;
    (text[length..].trim_ascii_end() == b"}").then_some(length)
}

/// The length of what the bracket closes that the text begins with.
fn bracketed(text: &[u8]) -> Option<usize> {
    if !matches!(text.first()?, b'{' | b'[') {
        return None;
    }
    let mut passed = Passed::default();
    let (words, rest) = text.as_chunks::<8>();
    for (count, word) in words.iter().enumerate() {
        if !passed.all(u64::from_le_bytes(*word))
            && let Some(last) = passed.find_end(word)
        {
            return Some(count * 8 + last + 1);
        }
    }
    let last = passed.find_end(rest)?;
    Some(text.len() - rest.len() + last + 1)
}

/// What the text is in, as far as it was looked at.
#[derive(Default)]
struct Passed {
    brackets: u64,
    is_string: bool,
    is_escape: bool,
}

impl Passed {
    /// Passes eight bytes at once, if nothing in them needs a closer look: an escape, or the end.
    #[inline]
    fn all(&mut self, word: u64) -> bool {
        let plain = others(word, b'\\') & !word & HIGHS;
        if plain != HIGHS || self.is_escape {
            return false;
        }
        // How many quotes there are up to each byte. After an odd one it is in a string.
        let quotes = (!others(word, b'"') >> 7) & ONES;
        let quotes = (quotes + u64::from(self.is_string)).wrapping_mul(ONES);
        // As if each square bracket were a curly one.
        let curly = word | eight(b'{' ^ b'[');
        let (open, close) = (others(curly, b'{'), others(curly, b'}'));
        if open & close & HIGHS != HIGHS {
            let bare = !(quotes << 7) & HIGHS;
            let (opened, closed) = (count(!open & bare), count(!close & bare));
            if closed != 0 && closed >= self.brackets {
                return false;
            }
            self.brackets = self.brackets + opened - closed;
        }
        self.is_string = (quotes >> 56) & 1 != 0;
        true
    }

    /// Passes the bytes up to the one that closes the first bracket.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        bytes.iter().position(|byte| self.is_end(*byte))
    }

    fn is_end(&mut self, byte: u8) -> bool {
        if self.is_escape {
            self.is_escape = false;
            return false;
        }
        match byte {
            b'\\' => self.is_escape = self.is_string,
            b'"' => self.is_string = !self.is_string,
            _ if self.is_string => {}
            b'{' | b'[' => self.brackets += 1,
            b'}' | b']' => {
                self.brackets -= 1;
                return self.brackets == 0;
            }
            _ => {}
        }
        false
    }
}

/// The highest bit of each byte of ASCII that is another. The rest is of no use.
fn others(word: u64, byte: u8) -> u64 {
    (word ^ eight(byte)).wrapping_add(HIGHS - ONES)
}

/// How many of the bytes have their highest bit, which is the only one that any has.
fn count(highs: u64) -> u64 {
    (highs >> 7).wrapping_mul(ONES) >> 56
}

#[derive(Default)]
struct Answer<'a> {
    ok: Option<bool>,
    result: Option<&'a str>,
    error_code: Option<i64>,
    description: Option<Box<str>>,
    retry_after: Option<i64>,
    migrate_to_chat_id: Option<i64>,
}

impl<'a> Answer<'a> {
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
        read_answer(StatusCode::OK, &Bytes::from_static(body.as_bytes())).ok()
    }

    #[test]
    fn a_result_is_the_same_by_the_short_way_and_by_the_long() {
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
                let read = read_answer(StatusCode::OK, &Bytes::from(body.clone()));
                assert_eq!(read.unwrap(), text, "{body}");
            }
        }
    }

    #[test]
    fn a_result_ends_at_its_bracket_wherever_that_stands() {
        let result = r#"{"a":"]}{[","b":[{"c":"\\\"}"},"é}",[]],"d\\":{"e":1}}"#;
        for before in 0..9 {
            for after in 0..9 {
                let (before, after) = ("[".repeat(before), "]".repeat(before) + &"}".repeat(after));
                let text = format!("{before}{result}{after}");
                let length = text.len() - after.len() + before.len();
                assert_eq!(bracketed(text.as_bytes()), Some(length), "{text}");
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
