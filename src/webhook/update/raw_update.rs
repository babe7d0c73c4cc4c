//! [`RawUpdate`], of which only the envelope has been read.

use std::{any::Any, fmt, sync::Arc};

use bytes::Bytes;
use serde_core::de::DeserializeOwned;

use crate::{
    json::{self, Reader, Result as Read, UpdateMember, read_update},
    types::{ParseError, Update, UpdateType},
};

/// An update whose number and type are known, with the bytes of its body. Cheap to clone.
///
/// Telegram writes the number first and then the key that names the type, without a space, so both are read without
/// the rest, whatever its size. In any other order the whole envelope is read, with the same result. Whether the rest
/// is JSON shows when it is [parsed](Self::parse).
#[derive(Clone)]
pub struct RawUpdate {
    update_id: i64,
    update_type: UpdateType,
    /// The name of a type that [`UpdateType`] has none for.
    unknown: Option<Arc<str>>,
    /// Where the payload starts.
    payload: usize,
    bytes: Bytes,
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    is_below_delivery: bool,
}

impl RawUpdate {
    /// Reads the envelope.
    ///
    /// # Errors
    ///
    /// When it isn't an object with an `update_id` from 0 to `i64::MAX` and another member, or when a key comes
    /// twice. A member that is null counts as absent, unless all are.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, ParseError> {
        match parse_prefix(&bytes) {
            Some(head) => Ok(Self::new(head, bytes)),
            None => Self::from_envelope(bytes),
        }
    }

    #[cold]
    fn from_envelope(bytes: Bytes) -> Result<Self, ParseError> {
        Ok(Self::new(Envelope::parse_full(&bytes)?, bytes))
    }

    #[inline]
    fn new(head: Envelope, bytes: Bytes) -> Self {
        Self {
            update_id: head.update_id,
            update_type: head.update_type,
            unknown: head.unknown,
            payload: head.payload,
            bytes,
            is_below_delivery: false,
        }
    }

    /// Records that a `DeliveryLayer` hands the update to the layers below it. Not in the request's
    /// extensions, because their first entry costs each request three allocations.
    #[cfg(feature = "tokio")]
    pub(in crate::webhook) fn set_below_delivery(&mut self) {
        self.is_below_delivery = true;
    }

    /// Whether a `DeliveryLayer` is above.
    #[cfg(feature = "tokio")]
    pub(in crate::webhook) fn is_below_delivery(&self) -> bool {
        self.is_below_delivery
    }

    /// The update's number.
    pub fn update_id(&self) -> i64 {
        self.update_id
    }

    /// The update's type.
    pub fn update_type(&self) -> UpdateType {
        self.update_type
    }

    /// Telegram's name for the update's type, an unknown one's too.
    pub fn name(&self) -> &str {
        match &self.unknown {
            Some(name) => name,
            None => self.update_type.as_str(),
        }
    }

    /// The whole body.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Reads the body as any type that serde can make. Our [`Update`] is read without serde's
    /// detour.
    ///
    /// # Errors
    ///
    /// A [syntax](ParseError::is_syntax) error when the body isn't JSON, in UTF-8, with each key of
    /// the envelope once and at most 128 levels, whatever the type makes of that; a
    /// [mismatch](ParseError::is_mismatch) when it doesn't fit the type.
    pub fn parse<U: DeserializeOwned + 'static>(&self) -> Result<U, ParseError> {
        let mut slot: Option<U> = None;
        if let Some(slot) = (&mut slot as &mut dyn Any).downcast_mut::<Option<Update>>() {
            *slot = Some(json::from_slice(&self.bytes)?);
        } else {
            slot = Some(self.parse_foreign()?);
        }
        slot.ok_or_else(|| ParseError::syntax("unreadable", 0))
    }

    #[inline(never)]
    fn parse_foreign<U: DeserializeOwned>(&self) -> Result<U, ParseError> {
        let text = json::utf8(&self.bytes)?;
        // A foreign type may pass over what it doesn't know without looking at it.
        Envelope::read(text)?;
        let about = Some((self.name(), self.payload));
        serde_json::from_str(text).map_err(|e| ParseError::foreign::<U>(&e, text, about))
    }

    /// The chat in which it happened, found without parsing the rest. Telegram keeps the updates of
    /// a chat in order by it.
    pub fn chat_id(&self) -> Option<i64> {
        self.find(self.update_type.chat_id_path())
    }

    /// The user who caused the update, found without parsing the rest.
    pub fn user_id(&self) -> Option<i64> {
        self.find(self.update_type.user_id_path())
    }

    /// The chat in which it happened, or else the user who caused it. Updates with the same one are handled in order.
    #[cfg(feature = "tokio")]
    pub(crate) fn chat_or_user_id(&self) -> Option<i64> {
        self.chat_id().or_else(|| self.user_id())
    }

    /// The number to which the keys lead. `None` if there are no keys.
    fn find(&self, path: &[&str]) -> Option<i64> {
        if path.is_empty() {
            return None;
        }
        let payload = self.bytes.get(self.payload..)?;
        let mut r = Reader::new(std::str::from_utf8(payload).ok()?);
        for name in path {
            if !r.find(name).ok()? {
                return None;
            }
        }
        r.integer().ok()
    }
}

/// Two updates are equal if their bodies are, whichever layers they have passed.
impl PartialEq for RawUpdate {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for RawUpdate {}

impl fmt::Debug for RawUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawUpdate")
            .field("update_id", &self.update_id)
            .field("type", &self.name())
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The members of the envelope around the update's payload.
#[derive(Debug, PartialEq)]
struct Envelope {
    update_id: i64,
    update_type: UpdateType,
    unknown: Option<Arc<str>>,
    payload: usize,
}

impl Envelope {
    fn parse_full(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::read(json::utf8(bytes)?)
    }

    /// Reads all of the body's outer object, and checks that the rest is JSON.
    fn read(text: &str) -> Result<Self, ParseError> {
        let mut r = Reader::new(text);
        match Self::read_object(&mut r).and_then(|head| r.finish().map(|()| head)) {
            Ok(head) => Ok(head),
            Err(_) => Err(r.into_error().into_syntax()),
        }
    }

    fn read_object(r: &mut Reader<'_>) -> Read<Self> {
        let mut found = None;
        let update_id = read_update(r, &mut found, |r, member| {
            let payload = r.offset();
            r.skip()?;
            Ok(match member {
                UpdateMember::Known(update_type) => (update_type, None, payload),
                UpdateMember::Unknown(name) => {
                    (UpdateType::Unknown, Some(Arc::from(&*name)), payload)
                }
            })
        })?;
        if update_id < 0 {
            return r.syntax("an update_id below 0");
        }
        let (update_type, unknown, payload) = r.required(found, "update")?;
        Ok(Self {
            update_id,
            update_type,
            unknown,
            payload,
        })
    }
}

/// No type of update has a longer name.
const MAX_NAME: usize = 32;

/// The envelope as Telegram writes it: `{"update_id":N,`, a line's end or none, and the key of a type we
/// know. `None` for anything else, which isn't an error yet.
#[inline]
fn parse_prefix(bytes: &[u8]) -> Option<Envelope> {
    let rest = bytes.strip_prefix(b"{\"update_id\":")?;
    let (update_id, rest) = digits(rest)?;
    let rest = match rest.strip_prefix(b",\n\"") {
        Some(rest) => rest,
        None => rest.strip_prefix(b",\"")?,
    };
    let length = rest.iter().take(MAX_NAME).position(|byte| *byte == b'"')?;
    let (name, rest) = rest.split_at(length);
    let rest = rest.strip_prefix(b"\":")?;
    // A member that is null counts as absent, and another one follows.
    if let Some(b'n' | b' ' | b'\n' | b'\t' | b'\r') = rest.first() {
        return None;
    }
    match UpdateType::from_name(name) {
        UpdateType::Unknown => None,
        update_type => Some(Envelope {
            update_id,
            update_type,
            unknown: None,
            payload: bytes.len() - rest.len(),
        }),
    }
}

/// A number of at most 15 digits, which always fits, and the rest.
#[inline]
fn digits(text: &[u8]) -> Option<(i64, &[u8])> {
    let length = text
        .iter()
        .take(15)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = text.split_at(length);
    if let [] | [b'0', _, ..] = digits {
        return None;
    }
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Envelope, RawUpdate, parse_prefix};
    use crate::types::{Update, UpdateType};

    fn raw(text: &str) -> RawUpdate {
        RawUpdate::from_bytes(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    /// As it is, and with spaces behind it, so that it isn't short.
    fn quick(text: &str) -> Option<Envelope> {
        let found = parse_prefix(text.as_bytes());
        assert_eq!(found, parse_prefix(format!("{text:<64}").as_bytes()));
        found
    }

    #[test]
    fn b6_the_quick_look_and_the_whole_envelope_agree() {
        let numbers = (1..=15).map(|digits| 987_654_321_012_345 / 10_i64.pow(15 - digits));
        for number in numbers.chain([0, 100_000_000, 999_999_999_999_999]) {
            for kind in UpdateType::ALL {
                for text in [
                    format!("{{\"update_id\":{number},\n\"{kind}\":{{\"a\":1}}}}"),
                    format!("{{\"update_id\":{number},\"{kind}\":1}}"),
                ] {
                    let head = quick(&text).unwrap();
                    assert_eq!((head.update_id, head.update_type), (number, kind), "{text}");
                    assert_eq!(
                        head,
                        Envelope::parse_full(text.as_bytes()).unwrap(),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn b6_the_quick_look_leaves_what_telegram_doesnt_write_to_the_other() {
        for text in [
            "",
            "{\"update_id\":",
            "{\"update_id\":7",
            "{\"update_id\":7,\"poll\"",
            "{\"update_id\":7,\"poll\" :{}}",
            "{\"update_id\":7,\n\n\"poll\":{}}",
            "{\"update_id\":7 ,\"poll\":{}}",
            "{\"update_id\": 7,\"poll\":{}}",
            " {\"update_id\":7,\"poll\":{}}",
            "{\"update_id\":7,\"polls\":{}}",
            "{\"update_id\":7,\"poll2\":{}}",
            "{\"update_id\":7,\"p\\u006fll\":{}}",
            "{\"update_id\":7,\"\":{}}",
            "{\"update_id\":7,\"poll\":null}",
            "{\"update_id\":7,\"poll\": null}",
            "{\"update_id\":7,\"poll\":\nnull}",
            "{\"update_id\":7,\"a_name_that_is_longer_than_any_of_telegrams\":{}}",
            "{\"update_id\":1234567890123456,\"poll\":{}}",
        ] {
            assert_eq!(quick(text), None, "{text}");
        }
    }

    #[test]
    fn b6_a_body_of_any_length_is_read_the_same() {
        const BODY: &str =
            "{\"update_id\":987654321,\n\"poll\":[                                ]}";
        let head = Envelope::parse_full(BODY.as_bytes()).unwrap();
        for length in 0..BODY.len() {
            let found = parse_prefix(&BODY.as_bytes()[..length]);
            assert_eq!(found.as_ref(), (length >= head.payload).then_some(&head));
        }
    }

    #[test]
    fn b6_numbers_of_any_length_are_read_the_same() {
        let numbers = (0..19).flat_map(|digits| [10_i64.pow(digits) - 1, 10_i64.pow(digits)]);
        for number in numbers.chain([12_345_678, 90_817_263, 987_654_321, i64::MAX]) {
            let text = format!("{{\"update_id\":{number},\"poll\":{{}}}}");
            assert_eq!(raw(&text).update_id(), number);
        }
        for misfit in [
            "1234567/",
            "1234567:",
            "/2345678",
            "1234 678",
            "12\"45678",
            "\u{ff}1234567",
            "",
            "-1",
            "00",
            "01",
            "0123456789",
            "12345678/",
            "12345678:",
            "1.5",
            "1e3",
        ] {
            let text = format!("{{\"update_id\":{misfit},\"poll\":{{}}}}");
            assert_eq!(quick(&text), None, "{misfit}");
        }
    }

    #[test]
    fn b6_order_white_space_and_escapes_make_no_difference() {
        for text in [
            r#"{"update_id":7,"message":{"chat":{"id":3}}}"#,
            r#"{"message":{"chat":{"id":3}},"update_id":7}"#,
            r#"{"new_member":[],"update_id":7,"message":{"chat":{"id":3}}}"#,
            r#"{"update_id":7,"new_member":{},"message":{"chat":{"id":3}}}"#,
            "\n{ \"m\\u0065ssage\" : {\"chat\" : {\"\\u0069d\" : 3 } }, \"update\\u005fid\":\t7 } ",
        ] {
            let raw = raw(text);
            assert_eq!(raw.update_id(), 7, "{text}");
            assert_eq!(raw.update_type(), UpdateType::Message, "{text}");
            assert_eq!(raw.chat_id(), Some(3), "{text}");
        }
    }

    #[test]
    fn b13_members_that_are_null_are_absent() {
        for text in [
            r#"{"update_id":7,"poll":null,"message":{"chat":{"id":3}}}"#,
            r#"{"update_id":7,"poll": null,"message":{"chat":{"id":3}}}"#,
            r#"{"update_id":7,"message":{"chat":{"id":3}},"poll":null,"brand_new":null}"#,
            r#"{"poll":null,"brand_new":null,"message":{"chat":{"id":3}},"update_id":7}"#,
        ] {
            let raw = raw(text);
            assert_eq!(raw.update_type(), UpdateType::Message, "{text}");
            assert_eq!(raw.chat_id(), Some(3), "{text}");
        }
        for (text, name) in [
            (r#"{"update_id":7,"poll":null,"brand_new":{}}"#, "brand_new"),
            (r#"{"update_id":7,"a":null,"b":1,"c":2}"#, "b"),
            (r#"{"update_id":7,"a":null,"b":null}"#, "a"),
            (
                r#"{"update_id":7,"a":null,"poll":null,"message":null}"#,
                "poll",
            ),
            (r#"{"update_id":7,"message":null}"#, "message"),
        ] {
            assert_eq!(raw(text).name(), name, "{text}");
        }
    }

    #[test]
    fn each_type_has_its_own_place_for_the_chat_and_the_user() {
        const IDS: &str = r#"{"chat":{"id":1},"message":{"chat":{"id":2}},"user_chat_id":3,
            "from":{"id":4},"user":{"id":5}}"#;
        for kind in UpdateType::ALL {
            let raw = raw(&format!(r#"{{"update_id":7,"{kind}":{IDS}}}"#));
            let chat = match kind.as_str() {
                "callback_query" => Some(2),
                "business_connection" => Some(3),
                "inline_query"
                | "chosen_inline_result"
                | "shipping_query"
                | "pre_checkout_query"
                | "purchased_paid_media"
                | "poll"
                | "poll_answer"
                | "managed_bot"
                | "subscription" => None,
                _ => Some(1),
            };
            let user = match kind.as_str() {
                "business_connection"
                | "message_reaction"
                | "poll_answer"
                | "managed_bot"
                | "subscription" => Some(5),
                "message_reaction_count"
                | "poll"
                | "deleted_business_messages"
                | "chat_boost"
                | "removed_chat_boost"
                | "stopped_message_generation" => None,
                _ => Some(4),
            };
            assert_eq!((raw.chat_id(), raw.user_id()), (chat, user), "{kind}");
        }
    }

    #[test]
    fn b5_text_that_is_no_update_is_malformed() {
        for text in [
            "",
            " ",
            "null",
            "[]",
            "{}",
            "1",
            "\"x\"",
            "{",
            "{\"update_id\":1}",
            "{\"update_id\":-1,\"message\":{}}",
            "{\"update_id\":9223372036854775808,\"message\":{}}",
            "{\"update_id\":1.5,\"message\":{}}",
            "{\"update_id\":\"1\",\"message\":{}}",
            "{\"update_id\":null,\"message\":{}}",
            "{\"update_id\":01,\"message\":{}}",
            "{\"message\":{}}",
            "{\"update_id\":1,\"update_id\":1,\"message\":{}}",
            "{\"message\":{},\"update_id\":1,\"message\":{}}",
            "{\"message\":null,\"update_id\":1,\"message\":{}}",
            "{\"update_id\":1,\"message\":null,\"message\":null,\"poll\":{}}",
            "{\"update_id\":null,\"poll\":{},\"update_id\":1}",
            "{\"update_id\":1,\"message\":nul,\"poll\":{}}",
            "{\"brand_new\":1,\"update_id\":1,\"brand_new\":null}",
            "{\"update_id\":null,\"message\":null}",
            "{\"update_id\":1,\"brand_new\":{\"a\":\"\\ud800\"}}",
        ] {
            let error = RawUpdate::from_bytes(Bytes::copy_from_slice(text.as_bytes())).unwrap_err();
            assert!(error.is_syntax(), "{text}: {error}");
        }
        assert!(
            RawUpdate::from_bytes(Bytes::from_static(b"{\"update_id\":1,\"x\":\"\xff\"}")).is_err()
        );
    }

    #[test]
    fn what_the_quick_look_passes_over_is_found_when_parsed() {
        for text in [
            r#"{"update_id":1,"message":{}} trailing"#,
            r#"{"update_id":1,"message":{"new":"\ud800"}}"#,
            r#"{"update_id":1,"message":{},"update_id":2}"#,
            r#"{"update_id":1,"message":{},"message":{}}"#,
            r#"{"update_id":1,"message":{"#,
        ] {
            let raw = raw(text);
            assert!(raw.parse::<Update>().unwrap_err().is_syntax(), "{text}");
            assert!(
                raw.parse::<serde_json::Value>().unwrap_err().is_syntax(),
                "{text}"
            );
        }
    }

    #[test]
    fn an_unknown_type_keeps_its_name() {
        let raw = raw(r#"{"update_id":1,"brand_new":{"a":1}}"#);
        assert_eq!(raw.update_type(), UpdateType::Unknown);
        assert_eq!(raw.name(), "brand_new");
        assert_eq!(raw.bytes().len(), 35);
        assert_eq!(
            format!("{raw:?}"),
            "RawUpdate { update_id: 1, type: \"brand_new\", length: 35, .. }"
        );
    }
}
