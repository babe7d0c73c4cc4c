//! Elements and their numbers in a page that isn't all JSON.

use std::ops::Range;

use crate::client::broken_json::{Tokens, is_next_update};

/// The elements of an array of which some aren't JSON: up to where their brackets close, or to where the next
/// update begins. `None` for a text that isn't in brackets.
pub(super) fn elements(text: &[u8]) -> Option<Vec<Range<usize>>> {
    let text = text.trim_ascii_end();
    let start = text.len() - text.trim_ascii_start().len();
    let inner = text.get(start..)?.strip_prefix(b"[")?;
    let end = start + 1 + inner.strip_suffix(b"]")?.len();
    let mut ranges = Vec::new();
    let (mut at, mut update) = (start + 1, start);
    while at < end {
        // Kept for the elements before it, so that the text is searched once.
        if update < at {
            update = at + until_next_update(&text[at..end]);
        }
        let rest = &text[at..update];
        let length = element_length(rest);
        let element = rest[..length].trim_ascii();
        if !element.is_empty() {
            let from = at + (rest.len() - rest.trim_ascii_start().len());
            ranges.push(from..from + element.len());
        }
        // The comma.
        at += length + 1;
    }
    Some(ranges)
}

/// Up to the comma before the next update, or to the end.
fn until_next_update(text: &[u8]) -> usize {
    // The first may be the element's own.
    let next = (1..text.len()).find(|at| is_next_update(text, *at));
    next.map_or(text.len(), |at| text[..at].trim_ascii_end().len() - 1)
}

/// Up to the comma behind the first element, or to the end.
fn element_length(text: &[u8]) -> usize {
    let closed = Tokens::new(text).find(|token| token.depth == 0 && token.byte == b',');
    closed.map_or(text.len(), |token| token.at)
}

/// The number of an update, from the key `update_id` of its outermost object.
pub(super) fn update_id(text: &[u8]) -> Option<i64> {
    const KEY: &[u8] = b"\"update_id\"";
    let mut keys = Tokens::new(text).filter(|token| token.depth == 1 && token.byte == b'"');
    let at = keys.find(|token| text[token.at..].starts_with(KEY))?.at;
    let value = text[at + KEY.len()..].trim_ascii_start();
    let value = value.strip_prefix(b":")?.trim_ascii_start();
    let length = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, behind) = value.split_at(length);
    // Not the first digits of another number.
    if !matches!(behind.trim_ascii_start(), [b',' | b'}', ..]) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Option<Vec<&str>> {
        let ranges = elements(text.as_bytes())?;
        Some(ranges.into_iter().map(|range| &text[range]).collect())
    }

    #[test]
    fn h3_elements_are_found_by_their_brackets_and_by_the_next_update() {
        for (text, expected) in [
            ("[]", vec![]),
            (" [ ] ", vec![]),
            ("[nonsense]", vec!["nonsense"]),
            ("[1,,2]", vec!["1", "2"]),
            (r#"[{"a":"},{"}, [1,2] ]"#, vec![r#"{"a":"},{"}"#, "[1,2]"]),
            (r#"["a\",b",7]"#, vec![r#""a\",b""#, "7"]),
            (
                r#"[{"update_id":1,"a":{]}},{"update_id":2}]"#,
                vec![r#"{"update_id":1,"a":{]}}"#, r#"{"update_id":2}"#],
            ),
            (
                r#"[{"update_id":1,"a":{"b":1},
                {"update_id":2},{"update_id":3}]"#,
                vec![
                    r#"{"update_id":1,"a":{"b":1}"#,
                    r#"{"update_id":2}"#,
                    r#"{"update_id":3}"#,
                ],
            ),
            (
                r#"[{"update_id":1,"a":"b}},{"update_id":2}]"#,
                vec![r#"{"update_id":1,"a":"b}}"#, r#"{"update_id":2}"#],
            ),
        ] {
            assert_eq!(split(text), Some(expected), "{text}");
        }
        for text in ["", "{}", "[", "]", "[1", "1]"] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    /// A search to the end of the text for each element would take minutes here.
    #[test]
    fn h3_elements_are_found_in_a_long_page_of_damaged_ones() {
        const COUNT: usize = 50_000;
        for element in [r#"{"update_id":1"#, r#"{"update_id":1,"a":"b"#, "1", "{}"] {
            let page = format!("[{}]", vec![element; COUNT].join(","));
            let found = split(&page).unwrap_or_default();
            assert_eq!(found.len(), COUNT, "{element}");
            assert!(found.iter().all(|part| *part == element), "{element}");
        }
        let commas = format!("[{}]", ",".repeat(COUNT));
        assert_eq!(split(&commas), Some(vec![]));
    }

    #[test]
    fn h3_a_number_is_found_in_the_outermost_object_alone() {
        for (text, expected) in [
            (r#"{"update_id":5}"#, Some(5)),
            (r#"{"update_id" : 5 , "a":tru}"#, Some(5)),
            (r#"{"a":{"b":[1,{}]},"update_id":5}"#, Some(5)),
            (r#"{"a":"\"update_id\":7","update_id":5}"#, Some(5)),
            (r#"{"a":{"update_id":7}}"#, None),
            (r#"{"a":"update_id","b":1}"#, None),
            (r#"["update_id"]"#, None),
            (r#"{"update_id":"5"}"#, None),
            (r#"{"update_id":-5}"#, None),
            (r#"{"update_id":5.5}"#, None),
            (r#"{"update_id":5e3}"#, None),
            (r#"{"update_id":5"#, None),
            (r#"{"update_id":99999999999999999999}"#, None),
            (r#"{"update_id":"#, None),
            (r#"{"update_id""#, None),
            ("nonsense", None),
            ("", None),
        ] {
            assert_eq!(update_id(text.as_bytes()), expected, "{text}");
        }
    }
}
