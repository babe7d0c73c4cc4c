//! Headers in the order in which they were sent.

use bytes::Bytes;

/// The headers' names and values as they were sent, in their order.
pub(crate) type Headers = Vec<(String, Bytes)>;

/// The first header of that name.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_ref())
}

/// The last header of that name.
pub(super) fn last<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    headers
        .iter()
        .rev()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_ref())
}
