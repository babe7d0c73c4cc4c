//! Parser of the legacy Markdown `parse_mode`, without nesting.

use super::{
    entity::{entity, utf16_length},
    formatted::Formatted,
    html::link,
};

/// Parses a text, or returns the server's error message.
pub(super) fn parse(markdown: &str) -> Result<Formatted, String> {
    let mut out = Formatted::default();
    let mut at = 0;
    while let Some(c) = markdown[at..].chars().next() {
        let rest = &markdown[at..];
        let offset = utf16_length(&out.text);
        let start = at;
        let unclosed = || format!("Can't find end of the entity starting at byte offset {start}");
        if c == '\\' && rest[1..].starts_with(['_', '*', '`', '[']) {
            out.text.push_str(&rest[1..2]);
            at += 2;
        } else if c == '[' {
            let (text, after) = rest[1..].split_once(']').ok_or_else(unclosed)?;
            out.text.push_str(text);
            at += text.len() + 2;
            if let Some(url) = after.strip_prefix('(') {
                let (url, _) = url.split_once(')').ok_or_else(unclosed)?;
                let mut link = link(url);
                link["offset"] = offset.into();
                link["length"] = utf16_length(text).into();
                out.entities.push(link);
                at += url.len() + 2;
            }
        } else if let Some((mark, kind)) = mark(rest) {
            let (text, _) = rest[mark.len()..].split_once(mark).ok_or_else(unclosed)?;
            out.text.push_str(text);
            at += text.len() + 2 * mark.len();
            if !text.is_empty() {
                out.entities.push(entity(kind, offset, utf16_length(text)));
            }
        } else {
            out.text.push(c);
            at += c.len_utf8();
        }
    }
    Ok(out)
}

/// The entity that begins here, and the mark that ends it.
fn mark(rest: &str) -> Option<(&'static str, &'static str)> {
    [
        ("```", "pre"),
        ("`", "code"),
        ("*", "bold"),
        ("_", "italic"),
    ]
    .into_iter()
    .find(|(mark, _)| rest.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn marks_become_entities() {
        let formatted = parse("*é* _b_ `c` \\_ [d](https://e.f) [g]").unwrap();
        assert_eq!(formatted.text, "é b c _ d g");
        assert_eq!(
            Value::from(formatted.entities),
            json!([
                {"type": "bold", "offset": 0, "length": 1},
                {"type": "italic", "offset": 2, "length": 1},
                {"type": "code", "offset": 4, "length": 1},
                {"type": "text_link", "offset": 8, "length": 1, "url": "https://e.f"},
            ])
        );
    }

    #[test]
    fn a_mark_without_its_end_is_refused() {
        for markdown in ["ab *c", "ab _c", "ab [c", "ab [c](d"] {
            let expected = "Can't find end of the entity starting at byte offset 3";
            assert_eq!(parse(markdown), Err(expected.to_owned()), "{markdown}");
        }
    }
}
