//! JSON in Telegram's form: ASCII only, and a line break after an update's first comma.

use std::io;

use serde_json::{Map, Value, ser::Formatter};

/// Compact JSON with every character outside of ASCII as `\uXXXX` in lower-case hexadecimal, with surrogate
/// pairs. A `/` isn't escaped.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !c.is_ascii()) {
            let (ascii, tail) = rest.split_at(at);
            writer.write_all(ascii.as_bytes())?;
            let mut chars = tail.chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Writes any value in Telegram's form.
pub(super) fn to_string(value: &Value) -> String {
    let mut out = Vec::with_capacity(128);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Ascii);
    // Writing a `Value` into memory can't fail, and the output is ASCII.
    serde_core::Serialize::serialize(value, &mut serializer).ok();
    String::from_utf8(out).unwrap_or_default()
}

/// Writes the body of a webhook request: `update_id` first, then a comma and a line break, then the member
/// of the update. A test may have added more members.
pub(super) fn update(update_id: u64, update: &Map<String, Value>) -> String {
    let mut out = format!("{{\"update_id\":{update_id}");
    for (key, value) in update.iter().filter(|(key, _)| *key != "update_id") {
        out.push_str(",\n");
        out.push_str(&to_string(&Value::from(key.as_str())));
        out.push(':');
        out.push_str(&to_string(value));
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn characters_outside_ascii_are_escaped_in_lower_case_with_surrogate_pairs() {
        let value = json!({"text": "é 😀 ключ a/b \"q\" \\ \n \u{1f}"});
        assert_eq!(
            to_string(&value),
            r#"{"text":"\u00e9 \ud83d\ude00 \u043a\u043b\u044e\u0447 a/b \"q\" \\ \n \u001f"}"#
        );
        assert_eq!(
            serde_json::from_str::<Value>(&to_string(&value)).unwrap(),
            value
        );
    }

    #[test]
    fn an_update_starts_with_its_id_and_a_line_break() {
        let value = json!({"message": {"message_id": 1}, "update_id": 5});
        assert_eq!(
            update(7, value.as_object().unwrap()),
            "{\"update_id\":7,\n\"message\":{\"message_id\":1}}"
        );
        assert_eq!(update(7, &Map::new()), "{\"update_id\":7}");
    }
}
