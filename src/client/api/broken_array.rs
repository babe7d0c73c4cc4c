//! The result in an answer of which not all is JSON.

use std::ops::Range;

/// Where the result of a success stands that is an array, when something in it isn't JSON or UTF-8, as an update
/// may be that was damaged. Whoever reads it finds out what, and loses no more than that.
///
/// `None` for what doesn't begin and end as the Bot API's own answer does: it may be a part of one.
pub(super) fn find(body: &[u8]) -> Option<Range<usize>> {
    const KEY: &[u8] = b"\"result\"";
    let body = body.trim_ascii_end();
    let key = body
        .windows(KEY.len())
        .take(64)
        .position(|text| text == KEY)?;
    if without_spaces(&body[..key]) != b"{\"ok\":true," {
        return None;
    }
    let value = body[key + KEY.len()..].trim_ascii_start();
    let value = value.strip_prefix(b":")?.trim_ascii_start();
    let start = body.len() - value.len();
    let end = body.strip_suffix(b"}")?.trim_ascii_end().len();
    let result = body.get(start..end)?;
    let is_array = result.len() > 1 && result.starts_with(b"[") && result.ends_with(b"]");
    is_array.then_some(start..end)
}

fn without_spaces(text: &[u8]) -> Vec<u8> {
    let bytes = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    bytes.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_an_array_is_found_whatever_is_in_it() {
        for (body, expected) in [
            ("{\"ok\":true,\"result\":[nonsense]}", Some("[nonsense]")),
            ("{ \"ok\" : true,\n\"result\" : [{]}] }\r\n", Some("[{]}]")),
            ("{\"ok\":true,\"result\":[]}", Some("[]")),
            ("{\"ok\":true,\"result\":[}", None),
            ("{\"ok\":true,\"result\":]}", None),
            ("{\"ok\":true,\"result\":[1]", None),
            ("{\"ok\":true,\"result\":[{}}", None),
            ("{\"ok\":true,\"result\":{]}", None),
            ("{\"ok\":false,\"result\":[x]}", None),
            ("{\"result\":[x]}", None),
            ("<html>{\"ok\":true,\"result\":[x]}", None),
            ("", None),
        ] {
            let found = find(body.as_bytes()).map(|range| &body[range]);
            assert_eq!(found, expected, "{body}");
        }
    }
}
