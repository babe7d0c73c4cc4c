//! Texts with letters that were damaged on their way, or by the program that wrote them.

use std::borrow::Cow;

/// The longest text that is repaired. A refusal of the Bot API has a few hundred bytes.
const MAX_LENGTH: usize = 64 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns a JSON object without its byte order mark, and with
///
/// - U+FFFD in the place of bytes that aren't UTF-8, and of the escapes of half surrogate pairs;
/// - spaces in the place of control characters, which a string may not have;
/// - `\x27`, which JSON lacks, as `\u0027`, and any other escape that JSON lacks without its backslash.
///
/// `None` for a body that can't be an object, or that is too long.
pub(super) fn repaired(body: &[u8]) -> Option<String> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if body.len() > MAX_LENGTH || !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let text = String::from_utf8_lossy(body).replace(|c: char| c < ' ', " ");
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (repaired, length) = repaired_escape(rest);
        out.push_str(&repaired);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Some(out)
}

/// The repaired escape that a text begins with, and the bytes that it takes there.
fn repaired_escape(text: &str) -> (Cow<'_, str>, usize) {
    match text.as_bytes().get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => (text[..2].into(), 2),
        Some(b'u') => match (
            code_unit(text),
            code_unit(text.get(6..).unwrap_or_default()),
        ) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => (text[..12].into(), 12),
            (Some(0xD800..0xE000), _) => ("\\ufffd".into(), 6),
            (Some(_), _) => (text[..6].into(), 6),
            (None, _) => ("".into(), 1),
        },
        Some(b'x') => match text.get(2..4).filter(|digits| is_hex(digits)) {
            Some(digits) => (format!("\\u00{digits}").into(), 4),
            None => ("".into(), 1),
        },
        _ => ("".into(), 1),
    }
}

/// The UTF-16 code unit whose escape a text begins with.
fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16)
        .ok()
        .filter(|_| is_hex(digits))
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_only_damaged_letters_are_replaced() {
        for (body, expected) in [
            (&br#"{"a":"b\ud83d"}"#[..], r#"{"a":"b\ufffd"}"#),
            (br#"{"a":"\ud83d\ude00"}"#, r#"{"a":"\ud83d\ude00"}"#),
            (br#"{"a":"\ude00\ud83d"}"#, r#"{"a":"\ufffd\ufffd"}"#),
            (
                br#"{"a":"\ud83d\ud83d\ude00"}"#,
                r#"{"a":"\ufffd\ud83d\ude00"}"#,
            ),
            (br#"{"a":"\\ud83d"}"#, r#"{"a":"\\ud83d"}"#),
            (br#"{"a":"\u00e9\n\ud83"}"#, r#"{"a":"\u00e9\nud83"}"#),
            (br#"{"a":"can\'t"}"#, r#"{"a":"can't"}"#),
            (br#"{"a":"can\x27t\x2"}"#, r#"{"a":"can\u0027tx2"}"#),
            (br#"{"a":"\0\e\u{41}\ "}"#, r#"{"a":"0eu{41} "}"#),
            (
                br#"{"a":"\"\\\/\b\f\n\r\t"}"#,
                r#"{"a":"\"\\\/\b\f\n\r\t"}"#,
            ),
            (b"{\"a\":\"b\\\n\tc\"}", "{\"a\":\"b  c\"}"),
            (b"\xef\xbb\xbf{\"a\":\"\xff\"}", "{\"a\":\"\u{fffd}\"}"),
            (b" {\"a\":\"\xff\"}", " {\"a\":\"\u{fffd}\"}"),
            (b"{\"a\":\"\\", "{\"a\":\""),
            (b"{\\\xc3", "{\u{fffd}"),
            (b"{", "{"),
        ] {
            assert_eq!(repaired(body).as_deref(), Some(expected));
        }
        let long = vec![b'{'; MAX_LENGTH + 1];
        for body in [&b""[..], b"[]", b"<html>", &long] {
            assert_eq!(repaired(body), None);
        }
    }
}
