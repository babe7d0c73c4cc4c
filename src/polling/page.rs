//! Pages of getUpdates, read element by element.

use std::{fmt, ops::Range};

use bytes::Bytes;

use super::loose_json;
use crate::{
    json::{self, Reader},
    types::ParseError,
    webhook::RawUpdate,
};

/// An element of a response that is no update, for [`Polling::on_unreadable`](super::Polling::on_unreadable).
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct UnreadableUpdate {
    /// Its `update_id`, if one was found that is between those of its neighbours. Then it is confirmed as if it
    /// had been handled; without one it is confirmed together with the next update that can be read.
    pub update_id: Option<i64>,
    /// The element as it was received; at most 512 KiB if Telegram sent it. It may be neither JSON nor UTF-8.
    pub bytes: Bytes,
    /// Why it can't be read.
    pub error: ParseError,
}

impl fmt::Debug for UnreadableUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnreadableUpdate")
            .field("update_id", &self.update_id)
            .field("length", &self.bytes.len())
            .field("error", &self.error)
            .finish()
    }
}

#[derive(Debug)]
pub(super) enum Element {
    Update(RawUpdate),
    Unreadable(UnreadableUpdate),
}

impl Element {
    /// Its number, if that is certain.
    fn certain_id(&self) -> Option<i64> {
        match self {
            Self::Update(update) => Some(update.update_id()),
            Self::Unreadable(_) => None,
        }
    }
}

/// Reads the elements of a response in their order. One that can't be read costs only itself.
///
/// # Errors
///
/// When the result is no array.
pub(super) fn read_page(result: &Bytes) -> Result<Vec<Element>, ParseError> {
    let ranges = match strict_ranges(result) {
        Ok(ranges) => ranges,
        Err(error) => loose_json::elements(result).ok_or(error)?,
    };
    let is_shared = ranges.len() > 1;
    let elements = ranges.into_iter().map(|range| {
        let bytes = result.slice(range);
        // One update that is open for long mustn't keep the whole response in memory.
        let bytes = if is_shared {
            Bytes::copy_from_slice(&bytes)
        } else {
            bytes
        };
        read_element(bytes)
    });
    let mut elements: Vec<_> = elements.collect();
    sort_by_id(&mut elements);
    forget_ids_out_of_order(&mut elements);
    Ok(elements)
}

fn strict_ranges(result: &Bytes) -> Result<Vec<Range<usize>>, ParseError> {
    let mut r = Reader::new(json::utf8(result)?);
    let mut ranges = Vec::new();
    match read_ranges(&mut r, &mut ranges) {
        Ok(()) => Ok(ranges),
        Err(_) => Err(r.into_error()),
    }
}

fn read_ranges(r: &mut Reader<'_>, ranges: &mut Vec<Range<usize>>) -> json::Result<()> {
    let mut more = r.open_array()?;
    while more {
        let start = r.offset();
        let length = r.raw()?.len();
        ranges.push(start..start + length);
        more = r.next_element()?;
    }
    r.finish()
}

/// Checks all of an element, so that a handler can parse it.
fn read_element(bytes: Bytes) -> Element {
    let checked = json::utf8(&bytes).and_then(json::check);
    match checked.and_then(|()| RawUpdate::from_bytes(bytes.clone())) {
        Ok(update) => Element::Update(update),
        Err(error) => Element::Unreadable(UnreadableUpdate {
            update_id: loose_json::update_id(&bytes),
            bytes,
            error,
        }),
    }
}

/// Sorts the updates of a server that returns them in another order than Telegram's: confirming one confirms all of
/// lower numbers. An unreadable element stays behind the update that it followed.
fn sort_by_id(elements: &mut Vec<Element>) {
    let ids = elements.iter().filter_map(Element::certain_id);
    if ids.is_sorted() {
        return;
    }
    let mut last = i64::MIN;
    let mut keyed: Vec<_> = elements
        .drain(..)
        .map(|element| {
            last = element.certain_id().unwrap_or(last);
            (last, element)
        })
        .collect();
    keyed.sort_by_key(|(id, _)| *id);
    elements.extend(keyed.into_iter().map(|(_, element)| element));
}

/// Removes numbers that aren't in ascending order. Confirming a damaged one could confirm updates that were never
/// handled.
fn forget_ids_out_of_order(elements: &mut [Element]) {
    let ids: Vec<_> = elements.iter().map(Element::certain_id).collect();
    for (at, element) in elements.iter_mut().enumerate() {
        let Element::Unreadable(unreadable) = element else {
            continue;
        };
        let before = ids[..at].iter().flatten().max();
        let after = ids[at..].iter().flatten().min();
        unreadable.update_id = unreadable.update_id.filter(|id| {
            before.is_none_or(|before| before < id) && after.is_none_or(|after| id < after)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &'static [u8]) -> Vec<(Option<i64>, bool)> {
        let elements = read_page(&Bytes::from_static(text)).unwrap();
        let of = |element: &Element| match element {
            Element::Update(update) => (Some(update.update_id()), true),
            Element::Unreadable(unreadable) => (unreadable.update_id, false),
        };
        elements.iter().map(of).collect()
    }

    #[test]
    fn a_page_is_split_into_its_updates() {
        let text = br#"[{"update_id":1,"poll":{}}, {"update_id":3,"message":{"a":[1]}} ]"#;
        let elements = read_page(&Bytes::from_static(text)).unwrap();
        let Element::Update(update) = &elements[1] else {
            panic!("it is an update");
        };
        assert_eq!(
            &update.bytes()[..],
            br#"{"update_id":3,"message":{"a":[1]}}"#
        );
        assert_eq!(page(b"[]"), []);
        assert_eq!(page(b" [ ] "), []);
    }

    #[test]
    fn h3_a_text_that_is_no_page_is_an_error() {
        for text in ["{}", "", "null", "[", "]", "[}", "7", "nonsense"] {
            let read = read_page(&Bytes::from_static(text.as_bytes()));
            assert!(read.is_err(), "{text}: {read:?}");
        }
    }

    #[test]
    fn h3_an_element_that_cannot_be_read_costs_itself() {
        let good = (Some(6), true);
        for (text, expected) in [
            (
                &br#"[{"x":1},{"update_id":6,"poll":{}}]"#[..],
                vec![(None, false), good],
            ),
            (
                br#"[1,{"update_id":6,"poll":{}}]"#,
                vec![(None, false), good],
            ),
            (
                b"[{\"update_id\":5,\"poll\":\"\xff\"},{\"update_id\":6,\"poll\":{}}]",
                vec![(Some(5), false), good],
            ),
            (
                br#"[{"update_id":6,"poll":{}},{"update_id":7,"poll":"\ud800"}]"#,
                vec![good, (Some(7), false)],
            ),
            (
                br#"[{"update_id":6,"poll":{}},{"update_id":5,"poll":"\ud800"}]"#,
                vec![good, (None, false)],
            ),
            (
                br#"[{"update_id":9,"poll":"\ud800"},{"update_id":6,"poll":{}}]"#,
                vec![(None, false), good],
            ),
            // Not all of it is JSON, and the envelope alone would do.
            (
                br#"[{"update_id":5,"poll":{"a":nul}},{"update_id":6,"poll":{}}]"#,
                vec![(Some(5), false), good],
            ),
        ] {
            assert_eq!(page(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }
}
