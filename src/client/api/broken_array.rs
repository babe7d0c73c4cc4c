//! The array in a response of the Bot API in which something isn't JSON.

use std::ops::Range;

use crate::json::{self, Reader, Result as Read};

/// How much may stand behind an array whose brackets don't match, in bytes.
const LONGEST_REST: usize = 1024;

/// The members that the Bot API has in its envelope beside the result.
const ENVELOPE: [&str; 4] = ["ok", "description", "error_code", "parameters"];

/// Finds the result of a success that is an array, when something in it isn't JSON or UTF-8, for example a damaged
/// update. The caller reads its elements one by one, and loses no more than the damaged ones.
///
/// The members before and behind the array are JSON, and `ok` is true among them. `None` for any other body, which
/// may be a part of a response: in the part up to the caption of a photo, the array of the photo's sizes looks like
/// the end of the result. Members behind the array that aren't Telegram's are therefore taken only where the
/// brackets before them match.
pub(super) fn find(body: &[u8]) -> Option<Range<usize>> {
    let body = body.trim_ascii_end();
    let (start, is_ok) = array_start(body)?;
    let is_result = |end: usize, any_member: bool| {
        let behind = MembersBehind::read(&body[end..])?;
        let is_ok = is_ok.or(behind.is_ok) == Some(true);
        (is_ok && (any_member || behind.is_telegrams)).then_some(start..end)
    };
    if let Some(result) = matching_end(body, start).and_then(|end| is_result(end, true)) {
        return Some(result);
    }
    let first_end = body.len().saturating_sub(LONGEST_REST).max(start + 1);
    let mut ends = (first_end..body.len()).rev();
    ends.find_map(|at| (body[at] == b']').then(|| is_result(at + 1, false))?)
}

/// Where the array of the result begins, and what `ok` says before it.
fn array_start(body: &[u8]) -> Option<(usize, Option<bool>)> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&body[..error.valid_up_to()]).ok()?,
    };
    read_start(&mut Reader::new(text)).ok()?
}

fn read_start(r: &mut Reader<'_>) -> Read<Option<(usize, Option<bool>)>> {
    let (mut is_ok, mut more) = (None, r.open_object()?);
    while more {
        match &*r.key_text()? {
            "result" if r.peek() == Some(b'[') => return Ok(Some((r.offset(), is_ok))),
            "ok" => is_ok = Some(r.raw()? == "true"),
            _ => r.skip()?,
        }
        more = r.next_member()?;
    }
    Ok(None)
}

/// The members behind the array.
struct MembersBehind {
    is_ok: Option<bool>,
    /// They are all of the Bot API's envelope.
    is_telegrams: bool,
}

impl MembersBehind {
    /// `None` if it isn't members up to the end of the body.
    fn read(rest: &[u8]) -> Option<Self> {
        let rest = rest.trim_ascii_start();
        let members = rest.strip_prefix(b",").unwrap_or(rest);
        // A comma without a member, or a member without a comma.
        if members.trim_ascii_start().starts_with(b"}") == (members.len() < rest.len()) {
            return None;
        }
        let object = [b"{", members].concat();
        let text = json::utf8(&object).ok()?;
        Self::read_object(&mut Reader::new(text)).ok()
    }

    fn read_object(r: &mut Reader<'_>) -> Read<Self> {
        let mut rest = Self {
            is_ok: None,
            is_telegrams: true,
        };
        let mut more = r.open_object()?;
        while more {
            let key = r.key_text()?;
            rest.is_telegrams &= ENVELOPE.contains(&&*key);
            if key == "ok" {
                rest.is_ok = Some(r.raw()? == "true");
            } else {
                r.skip()?;
            }
            more = r.next_member()?;
        }
        r.finish()?;
        Ok(rest)
    }
}

/// The end of the array that begins at `start`, by the brackets outside of strings; `None` if they don't match.
fn matching_end(body: &[u8], start: usize) -> Option<usize> {
    let (mut open, mut is_text, mut is_escaped) = (Vec::new(), false, false);
    for (at, &byte) in body.iter().enumerate().skip(start) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'[' => open.push(b']'),
            b'{' => open.push(b'}'),
            b']' | b'}' if open.pop() != Some(byte) => return None,
            b']' if open.is_empty() => return Some(at + 1),
            _ => {}
        }
    }
    None
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

    #[test]
    fn h3_an_array_is_found_wherever_it_stands_in_the_envelope() {
        for (body, expected) in [
            (r#"{"result":[tru],"ok":true}"#, Some("[tru]")),
            (r#"{"result" : [tru] , "ok" : true }"#, Some("[tru]")),
            (
                r#"{"result":[{]}],"ok":true,"description":"a]"}"#,
                Some("[{]}]"),
            ),
            (
                r#"{"ok":true,"result":[tru],"description":"]"}"#,
                Some("[tru]"),
            ),
            (
                r#"{"time":[1],"ok":true,"by":"me","result":[tru]}"#,
                Some("[tru]"),
            ),
            (r#"{"ok":true,"result":[tru],"took":[1,2]}"#, Some("[tru]")),
            (
                r#"{"ok":true,"result":[{"a":[tru,"]"]}],"took":{"ms":1}}"#,
                Some(r#"[{"a":[tru,"]"]}]"#),
            ),
            (r#"{"result":[tru],"ok":false}"#, None),
            (r#"{"result":[tru],"ok":"true"}"#, None),
            (r#"{"result":[tru]"ok":true}"#, None),
            (r#"{"result":[tru],"ok":true,}"#, None),
            (r#"{"ok":true,"result":[tru],}"#, None),
            (r#"{"ok":true,"error":tru,"result":[tru]}"#, None),
            // Parts of a response.
            (
                r#"{"ok":true,"result":[{"update_id":6,"message":{"photo":[{"a":1}],"caption":"x"}"#,
                None,
            ),
            (
                r#"{"result":[{"update_id":6,"message":{"photo":[{"a":1}],"ok":1}"#,
                None,
            ),
        ] {
            let found = find(body.as_bytes()).map(|range| &body[range]);
            assert_eq!(found, expected, "{body}");
        }
        let not_utf8 = b"{\"result\":[\"\xff\"],\"ok\":true}";
        assert_eq!(find(not_utf8), Some(10..15));
    }
}
