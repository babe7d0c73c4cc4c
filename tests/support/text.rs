//! JSON in forms that `serde_json` doesn't write, all with the same meaning.

use std::fmt::Write as _;

use fastrand::Rng;
use serde_json::Value;

/// The form of a text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Whether members are shuffled; otherwise they keep their order.
    pub(crate) shuffled: bool,
    /// Whether there is white space in all places that allow it.
    pub(crate) spaced: bool,
    /// The percentage of characters that are escaped without need.
    pub(crate) escaped: u8,
}

/// An update in Telegram's form: the number first, a line feed after its comma, and characters outside of
/// ASCII as lower-case escapes, with surrogate pairs.
pub(crate) fn telegram(update: &Value) -> String {
    let mut rng = Rng::with_seed(0);
    let mut out = format!("{{\"update_id\":{}", update["update_id"]);
    for (key, value) in update.as_object().expect("an object") {
        if key != "update_id" {
            out.push_str(",\n");
            text(&mut out, key, &mut rng, Style::default());
            out.push(':');
            write(&mut out, value, &mut rng, Style::default());
        }
    }
    out + "}"
}

/// The same value in another form.
pub(crate) fn styled(value: &Value, rng: &mut Rng, style: Style) -> String {
    let mut out = String::new();
    write(&mut out, value, rng, style);
    space(&mut out, rng, style);
    out
}

fn write(out: &mut String, value: &Value, rng: &mut Rng, style: Style) {
    space(out, rng, style);
    match value {
        Value::String(string) => text(out, string, rng, style),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                comma(out, i);
                write(out, item, rng, style);
                space(out, rng, style);
            }
            if items.is_empty() {
                space(out, rng, style);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            if style.shuffled {
                rng.shuffle(&mut members);
            }
            out.push('{');
            for (i, (key, value)) in members.into_iter().enumerate() {
                comma(out, i);
                space(out, rng, style);
                text(out, key, rng, style);
                space(out, rng, style);
                out.push(':');
                write(out, value, rng, style);
                space(out, rng, style);
            }
            out.push('}');
        }
        // All other values have only one sensible form.
        other => out.push_str(&other.to_string()),
    }
}

fn comma(out: &mut String, at: usize) {
    if at > 0 {
        out.push(',');
    }
}

fn space(out: &mut String, rng: &mut Rng, style: Style) {
    while style.spaced && rng.u8(..3) == 0 {
        out.push(*rng.choice(&[' ', '\n', '\t', '\r']).unwrap_or(&' '));
    }
}

fn text(out: &mut String, string: &str, rng: &mut Rng, style: Style) {
    out.push('"');
    for c in string.chars() {
        let short = match c {
            '"' => Some("\\\""),
            '\\' => Some("\\\\"),
            '\n' => Some("\\n"),
            '\t' => Some("\\t"),
            '\r' => Some("\\r"),
            '\u{8}' => Some("\\b"),
            '\u{c}' => Some("\\f"),
            '/' if style.escaped > 0 && rng.bool() => Some("\\/"),
            _ => None,
        };
        let chosen = rng.u8(..100) < style.escaped;
        // In another style, half of the characters outside of ASCII aren't escaped.
        let plain = style.escaped > 0 && rng.bool();
        match short {
            Some(short) if !chosen => out.push_str(short),
            _ if chosen || c < ' ' || (!c.is_ascii() && !plain) => escape(out, c, rng, style),
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, c: char, rng: &mut Rng, style: Style) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a string can't fail.
        let written = if style.escaped > 0 && rng.bool() {
            write!(out, "\\u{unit:04X}")
        } else {
            write!(out, "\\u{unit:04x}")
        };
        written.expect("a string takes it");
    }
}
