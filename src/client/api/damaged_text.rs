//! Texts with letters that were damaged on their way, or by the program that wrote them.

/// The longest text that is repaired. A refusal of the Bot API has a few hundred bytes.
const LONGEST: usize = 64 << 10;

const REPLACEMENT: &str = "\\ufffd";

/// Returns a JSON object with U+FFFD in the place of bytes that aren't UTF-8, and of the escapes of half surrogate pairs,
/// and with spaces in the place of control characters, which a string may not have.
/// `None` for a body that can't be an object, or that is too long.
pub(super) fn repaired(body: &[u8]) -> Option<String> {
    if body.len() > LONGEST || !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let text = String::from_utf8_lossy(body).replace(|c: char| c < ' ', " ");
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (escape, length) = match (
            surrogate(rest),
            surrogate(rest.get(6..).unwrap_or_default()),
        ) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => (&rest[..12], 12),
            (Some(_), _) => (REPLACEMENT, 6),
            (None, _) => {
                let length = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                (&rest[..length], length)
            }
        };
        out.push_str(escape);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Some(out)
}

/// The surrogate whose escape a text begins with.
fn surrogate(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    (0xD800..0xE000).contains(&code).then_some(code)
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
            (br#"{"a":"\u00e9\n\ud83"}"#, r#"{"a":"\u00e9\n\ud83"}"#),
            (b" {\"a\":\"\xff\"}", " {\"a\":\"\u{fffd}\"}"),
            (b"{\"a\":\"\\", "{\"a\":\"\\"),
            (b"{\\\xc3", "{\\\u{fffd}"),
            (b"{", "{"),
        ] {
            assert_eq!(repaired(body).as_deref(), Some(expected));
        }
        let long = vec![b'{'; LONGEST + 1];
        for body in [&b""[..], b"[]", b"<html>", &long] {
            assert_eq!(repaired(body), None);
        }
    }
}
