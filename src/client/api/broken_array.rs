//! The array in a response of the Bot API in which something isn't JSON.

use std::ops::Range;

use crate::{
    client::broken_json::{Tokens, is_next_update},
    json::{self, Reader, Result as Read},
};

/// How much may stand behind an array whose brackets don't match, in bytes.
const MAX_REST: usize = 1024;

/// The members that the Bot API has in its envelope beside the result.
const ENVELOPE: [&str; 4] = ["ok", "description", "error_code", "parameters"];

/// Finds the result of a success that is an array, when something in it isn't JSON or UTF-8, for example a damaged
/// update. The caller reads its elements one by one, and loses no more than the damaged ones.
///
/// The members before and behind the array are JSON, and `ok` is true among them. `None` for any other body, which
/// may be a part of a response: in the part up to the caption of a photo, the array of the photo's sizes looks like
/// the end of the result. Members behind the array that aren't Telegram's are therefore taken only where the
/// brackets before them match, and an array inside the last element is never the end of the result.
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
    let first_end = body.len().saturating_sub(MAX_REST).max(start + 1);
    let mut ends = (first_end..body.len()).rev();
    ends.find_map(|at| {
        let result = (body[at] == b']').then(|| is_result(at + 1, false))??;
        (!is_in_last_element(body, start, at)).then_some(result)
    })
}

/// Whether the `]` at `end` belongs to the last element of the array that begins at `start`.
///
/// In a response that was cut short, each `]` does: it closes an array of the element, or stands in a text. The
/// elements before the last one may be damaged, so their brackets count only where no update begins behind them.
fn is_in_last_element(body: &[u8], start: usize, end: usize) -> bool {
    let mut begins = (start + 1..end).rev();
    let element = begins.find(|at| is_next_update(body, *at));
    let element = element.unwrap_or(start + 1);
    let mut open = Vec::new();
    let mut tokens = Tokens::new(&body[element..end]);
    for token in tokens.by_ref() {
        count_bracket(&mut open, token.byte);
    }
    let Some(text_start) = tokens.unclosed_string() else {
        return open.last() == Some(&b'[');
    };
    // Either a text that was cut short, or one without its closing quote. The second also has the brackets that
    // close the element.
    for &byte in &body[element + text_start..end] {
        let is_pair = match byte {
            b']' => open.last() == Some(&b'['),
            b'}' => open.last() == Some(&b'{'),
            _ => true,
        };
        if is_pair {
            count_bracket(&mut open, byte);
        }
    }
    !open.is_empty()
}

/// Keeps the brackets that are open. A closing one of another kind is damage, and closes the last one.
fn count_bracket(open: &mut Vec<u8>, byte: u8) {
    match byte {
        b'[' | b'{' => open.push(byte),
        b']' | b'}' => {
            open.pop();
        }
        _ => {}
    }
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
    let mut open = Vec::new();
    for token in Tokens::new(&body[start..]) {
        match token.byte {
            b'[' => open.push(b']'),
            b'{' => open.push(b'}'),
            b']' | b'}' if open.pop() != Some(token.byte) => return None,
            b']' if open.is_empty() => return Some(start + token.at + 1),
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

    /// A page that was cut short is fetched again. Taken for a damaged one, its last update would be lost.
    #[test]
    fn h3_a_page_that_was_cut_short_is_not_a_damaged_one() {
        for updates in [
            r#"{"update_id":6,"message":{"text":"/a","entities":[{"offset":0}]}}"#,
            r#"{"update_id":6,"message":{"entities":[{"offset":0}],"text":"/a"}}"#,
            r#"{"update_id":6,"message":{"photo":[{"width":1},{"width":2}]}}"#,
            r#"{"update_id":6,"message":{"photo":[{"width":1}],"caption":"[x]}"}}"#,
            r#"{"update_id":6,"message":{"markup":{"rows":[[{"a":"b"}],[{"a":[]}]]}}}"#,
            r#"{"update_id":6,"message":{"rows":[[1,[2]],[[3]]]},"more":[[]]}"#,
            r#"{"update_id":6,"message":{"text":"]} \"]} \\","title":"a]}"}}"#,
            r#"{"update_id":6,"message":{"text":"} a]}[b]}"}}"#,
            r#"{"message":{"entities":[{"offset":0}]},"update_id":6}"#,
            r#"{ "update_id": 6, "message": { "entities": [ { "offset": 0 } ] } }"#,
            r#"{"update_id":5,"message":{"photo":[{}]}},{"update_id":6,"message":{"photo":[{}]}}"#,
            // Damaged before the cut.
            r#"{"update_id":5,"message":{"text":tru}},{"update_id":6,"message":{"photo":[{}]}}"#,
            r#"{"update_id":5,"message":{"text":"x"},{"update_id":6,"message":{"photo":[{}]}}"#,
            r#"{"update_id":5,"message":{"text":"x}},{"update_id":6,"message":{"photo":[{}]}}"#,
            r#"{"update_id":5,"message":[}},
            {"update_id":6,"message":{"photo":[{}]}}"#,
        ] {
            for (before, behind) in [
                (r#"{"ok":true,"result":["#, "]}"),
                (r#"{"result":["#, r#"],"ok":true}"#),
                (
                    r#"{"ok":true,"result":["#,
                    r#"],"parameters":{"a":[1,[2]]},"description":"]"}"#,
                ),
            ] {
                let page = format!("{before}{updates}{behind}");
                let array = before.len() - 1..before.len() + updates.len() + 1;
                assert_eq!(find(page.as_bytes()), Some(array), "{page}");
                for end in 0..page.len() {
                    let part = &page[..end];
                    assert_eq!(find(part.as_bytes()), None, "{part}");
                }
            }
        }
    }

    #[test]
    fn h3_an_array_is_found_when_its_last_update_is_damaged() {
        for update in [
            r#"{"update_id":6,"message":{"text":"x"]}"#,
            r#"{"update_id":6,"message":{"text":"x"}"#,
            r#"{"update_id":6,"message":{"text":"x"}}}"#,
            r#"{"update_id":6,"message":{"text":"x}}"#,
            r#"{"update_id":6,"message":{"text":"x},"photo":[{"a":1}]}}"#,
            r#"{"update_id":6,"message":{"photo":[{"a":1}}]}}"#,
            r#"{"update_id":6,"message":{"photo":[{"a":1}}}"#,
        ] {
            for before in ["", r#"{"update_id":5,"message":{"photo":[{"a":1}]}},"#] {
                let array = format!("[{before}{update}]");
                let page = format!(r#"{{"ok":true,"result":{array}}}"#);
                let found = find(page.as_bytes()).map(|range| &page[range]);
                assert_eq!(found, Some(&*array), "{page}");
            }
        }
    }
}
