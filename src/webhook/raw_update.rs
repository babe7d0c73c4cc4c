//! An update of which only the envelope has been read.

use std::{any::Any, fmt, sync::Arc};

use bytes::Bytes;
use serde_core::de::DeserializeOwned;

use super::find::{self, Found};
use crate::{
    json::{self, Reader, Result as Read},
    types::{ParseError, Update, UpdateType},
};

/// An update whose number and type are known, and whose payload is as it came. Cheap to clone.
///
/// Telegram writes the number first and then the one key that names the type, so both are read
/// without looking at the rest, whatever its size. If they stand elsewhere, the whole envelope is
/// read, with the same result (conformance B6). That the rest is JSON at all is known only once it
/// is [parsed](Self::parse).
#[derive(Clone, PartialEq, Eq)]
pub struct RawUpdate {
    update_id: i64,
    update_type: UpdateType,
    /// The name of a type that [`UpdateType`] has none for.
    unknown: Option<Arc<str>>,
    /// Where the payload starts.
    payload: usize,
    bytes: Bytes,
}

impl RawUpdate {
    /// Reads the envelope.
    ///
    /// # Errors
    ///
    /// When it isn't an object with an `update_id` from 0 to `i64::MAX` and one key more, each
    /// once (conformance B5).
    pub fn from_bytes(bytes: Bytes) -> Result<Self, ParseError> {
        let head = match Head::first_two_keys(&bytes) {
            Some(head) => head,
            None => Head::whole(&bytes)?,
        };
        Ok(Self {
            update_id: head.update_id,
            update_type: head.update_type,
            unknown: head.unknown,
            payload: head.payload,
            bytes,
        })
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
            let text = json::utf8(&self.bytes)?;
            // A foreign type may pass over what it doesn't know without looking at it.
            Head::read(text)?;
            slot = Some(serde_json::from_str(text).map_err(|e| ParseError::foreign(&e))?);
        }
        slot.ok_or_else(|| ParseError::syntax("unreadable", 0))
    }

    /// The chat where it happened, found without parsing the rest. Telegram keeps the updates of
    /// a chat in order by it.
    pub fn chat_id(&self) -> Option<i64> {
        use UpdateType as T;
        match self.update_type {
            T::CallbackQuery => self.find(&["message", "chat", "id"]),
            T::BusinessConnection => self.find(&["user_chat_id"]),
            T::InlineQuery
            | T::ChosenInlineResult
            | T::ShippingQuery
            | T::PreCheckoutQuery
            | T::PurchasedPaidMedia
            | T::Poll
            | T::PollAnswer
            | T::ManagedBot
            | T::Subscription => None,
            _ => self.find(&["chat", "id"]),
        }
    }

    /// The user who did it, found without parsing the rest.
    pub fn user_id(&self) -> Option<i64> {
        use UpdateType as T;
        match self.update_type {
            T::BusinessConnection
            | T::MessageReaction
            | T::PollAnswer
            | T::ManagedBot
            | T::Subscription => self.find(&["user", "id"]),
            T::MessageReactionCount | T::Poll | T::DeletedBusinessMessages => None,
            _ => self.find(&["from", "id"]),
        }
    }

    fn find(&self, path: &[&str]) -> Option<i64> {
        let payload = self.bytes.get(self.payload..)?;
        match find::number(payload, path) {
            Found::Number(number) => return Some(number),
            Found::Nothing => return None,
            Found::Unusual => {}
        }
        let mut r = Reader::new(std::str::from_utf8(payload).ok()?);
        for name in path {
            if !r.find(name).ok()? {
                return None;
            }
        }
        r.integer().ok()
    }
}

impl fmt::Debug for RawUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawUpdate")
            .field("update_id", &self.update_id)
            .field("type", &self.name())
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// What the envelope says.
#[derive(Debug, PartialEq)]
struct Head {
    update_id: i64,
    update_type: UpdateType,
    unknown: Option<Arc<str>>,
    payload: usize,
}

impl Head {
    /// The usual order: `{"update_id":N,` and the key of a type we know. `None` for anything else,
    /// which isn't an error yet.
    fn first_two_keys(bytes: &[u8]) -> Option<Self> {
        let mut at = Cursor(bytes);
        // As Telegram writes it, or with white space.
        if at.exactly(b"{\"update_id\":").is_none() {
            at.token(b'{')?;
            at.token(b'"')?;
            at.exactly(b"update_id\"")?;
            at.token(b':')?;
        }
        let update_id = at.digits()?;
        at.token(b',')?;
        at.token(b'"')?;
        let (name, behind) = at.0.split_at_checked(json::plain_until(at.0, 0))?;
        let update_type = match UpdateType::from_name(name) {
            UpdateType::Unknown => return None,
            known => known,
        };
        at.0 = behind;
        at.exactly(b"\"")?;
        at.token(b':')?;
        Some(Self {
            update_id,
            update_type,
            unknown: None,
            payload: bytes.len() - at.0.len(),
        })
    }

    fn whole(bytes: &[u8]) -> Result<Self, ParseError> {
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

    /// Members in any order. A known type counts before what may be a new member of the envelope.
    fn read_object(r: &mut Reader<'_>) -> Read<Self> {
        let mut update_id = None;
        let mut known = None;
        let mut unknown = None;
        let mut more = r.open_object()?;
        while more {
            let key = r.key_text()?;
            let payload = r.offset();
            if key == "update_id" {
                r.field(&mut update_id, "update_id")?;
            } else {
                let update_type = UpdateType::from_name(key.as_bytes());
                let slot = match update_type {
                    UpdateType::Unknown => &mut unknown,
                    _ if known.is_some() => return r.duplicate("update"),
                    _ => &mut known,
                };
                let name = || (update_type == UpdateType::Unknown).then(|| Arc::from(&*key));
                slot.get_or_insert_with(|| (update_type, name(), payload));
                r.skip()?;
            }
            more = r.next_member()?;
        }
        let update_id: i64 = r.required(update_id, "update_id")?;
        if update_id < 0 {
            return r.syntax("an update_id below 0");
        }
        let (update_type, unknown, payload) = r.required(known.or(unknown), "update")?;
        Ok(Self {
            update_id,
            update_type,
            unknown,
            payload,
        })
    }
}

/// What is left, for stepping over bytes that must be there.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    #[inline]
    fn white_space(&mut self) {
        while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    /// The byte, and white space before it; mostly there is none.
    #[inline]
    fn token(&mut self, byte: u8) -> Option<()> {
        if self.exactly(&[byte]).is_none() {
            self.white_space();
            self.exactly(&[byte])?;
        }
        Some(())
    }

    #[inline]
    fn exactly(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// A number of at most 18 digits, which always fits.
    #[inline]
    fn digits(&mut self) -> Option<i64> {
        self.white_space();
        let start = self.0;
        let mut value = self.eight_digits().unwrap_or(0);
        while let [digit @ b'0'..=b'9', rest @ ..] = self.0 {
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.0 = rest;
        }
        let length = start.len() - self.0.len();
        let canonical = length == 1 || !start.starts_with(b"0");
        (canonical && (1..=18).contains(&length)).then_some(value)
    }

    /// As many as fit into a register, by pairs, then fours: ids have nine or ten of them.
    #[inline]
    fn eight_digits(&mut self) -> Option<i64> {
        const ONES: u64 = u64::from_le_bytes([0x01; 8]);
        let (eight, rest) = self.0.split_first_chunk::<8>()?;
        let text = u64::from_le_bytes(*eight);
        // A digit is 0x30 to 0x39, and stays below 0x40 with six more.
        let is_0x30 = |text: u64| text & (ONES * 0xf0) == ONES * 0x30;
        if !is_0x30(text) || !is_0x30(text.wrapping_add(ONES * 0x06)) {
            return None;
        }
        let ones = text - ONES * 0x30;
        let pairs = ones * 10 + (ones >> 8);
        let mask = 0x0000_00ff_0000_00ff;
        let first = (pairs & mask).wrapping_mul(100 + (1_000_000 << 32));
        let second = ((pairs >> 16) & mask).wrapping_mul(1 + (10_000 << 32));
        self.0 = rest;
        i64::try_from(first.wrapping_add(second) >> 32).ok()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Head, RawUpdate};
    use crate::types::{Update, UpdateType};

    fn raw(text: &str) -> RawUpdate {
        RawUpdate::from_bytes(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn b6_the_quick_look_and_the_whole_envelope_agree() {
        for text in [
            "{\"update_id\":1,\n\"message\":{\"a\":1}}",
            " { \"update_id\" : 12345 ,\t\"poll\" :\r\n {} } ",
            r#"{"update_id":0,"callback_query":{}}"#,
        ] {
            let quick = Head::first_two_keys(text.as_bytes()).unwrap();
            let whole = Head::whole(text.as_bytes()).unwrap();
            assert_eq!(
                (quick.update_id, quick.update_type, &quick.unknown),
                (whole.update_id, whole.update_type, &whole.unknown),
                "{text}"
            );
            assert_eq!(
                text[quick.payload..].trim_start(),
                &text[whole.payload..],
                "{text}"
            );
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
        ] {
            let text = format!("{{\"update_id\":{misfit},\"poll\":{{}}}}");
            assert_eq!(Head::first_two_keys(text.as_bytes()), None, "{misfit}");
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
                "message_reaction_count" | "poll" | "deleted_business_messages" => None,
                _ => Some(4),
            };
            assert_eq!((raw.chat_id(), raw.user_id()), (chat, user), "{kind}");
        }
    }

    #[test]
    fn b5_what_is_no_update_is_malformed() {
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
