//! The response that a call's caller waits for, so that it is read once and not twice.

use std::{any::Any, str};

use bytes::Bytes;

use crate::Method;

/// How Telegram begins the response to a call that it has carried out. Behind it are the result and a brace, unless the
/// response has other members too, such as the `description` after `setWebhook`.
const BEFORE_RESULT: &[u8] = br#"{"ok":true,"result":"#;

/// The characters that JSON allows around a value.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A result as the type that its method returns.
pub(super) type TypedResult = Box<dyn Any + Send>;

/// The content of the response to a call.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    File,
    /// A result, in JSON for the layers.
    Result,
    /// A result that is read as the type of a method. The function returns `None` for a text that isn't the JSON of one
    /// such value alone.
    Typed(fn(&str) -> Option<TypedResult>),
}

impl Expected {
    pub(super) fn result_of<M: Method>() -> Self {
        if !M::DECODES_ONE_VALUE {
            return Self::Result;
        }
        Self::Typed(|json| {
            let result = Box::new(M::decode(json).ok()?);
            Some(result)
        })
    }

    /// Reads a success that has its result alone, and returns the result as JSON and in its type.
    ///
    /// `None` for every other body, whose members are to be read one by one.
    pub(super) fn read(self, body: &Bytes) -> Option<(Bytes, TypedResult)> {
        let Self::Typed(decode) = self else {
            return None;
        };
        let json = body.strip_prefix(BEFORE_RESULT)?.strip_suffix(b"}")?;
        let json = str::from_utf8(json).ok()?.trim_matches(WHITE_SPACE);
        // If this is one value, only the result is between the two, and so the whole body is JSON.
        let result = decode(json)?;
        Some((body.slice_ref(json.as_bytes()), result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        methods::{DeleteMessage, GetMe},
        types::ParseError,
    };

    /// A method of a user's own that takes any text.
    #[derive(serde::Serialize)]
    struct Lax {}

    impl Method for Lax {
        type Output = String;
        const NAME: &'static str = "getMe";
        const IDEMPOTENT: bool = true;

        fn decode(result: &str) -> Result<String, ParseError> {
            Ok(result.to_owned())
        }
    }

    fn reads<M: Method>(body: &'static str) -> Option<(Bytes, TypedResult)> {
        Expected::result_of::<M>().read(&Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn a_result_alone_is_read_with_its_json() {
        let (json, result) = reads::<DeleteMessage>(r#"{"ok":true,"result":true}"#).unwrap();
        assert_eq!(json, "true");
        assert_eq!(result.downcast_ref(), Some(&true));
        let user = r#"{"ok":true,"result":{"id":7,"is_bot":true,"first_name":"}"}}"#;
        let (json, _) = reads::<GetMe>(user).unwrap();
        assert_eq!(json, r#"{"id":7,"is_bot":true,"first_name":"}"}"#);
    }

    #[test]
    fn white_space_around_the_result_is_not_a_part_of_it() {
        let (json, _) = reads::<DeleteMessage>("{\"ok\":true,\"result\": true\t\r\n}").unwrap();
        assert_eq!(json, "true");
        assert!(reads::<DeleteMessage>("{\"ok\":true,\"result\":\u{c}true}").is_none());
    }

    #[test]
    fn a_result_for_a_decoder_that_takes_any_text_is_found_by_the_reader_of_members() {
        assert!(reads::<Lax>(r#"{"ok":true,"result":true,"ok":false}"#).is_none());
        assert!(reads::<Lax>(r#"{"ok":true,"result":true}"#).is_none());
    }

    #[test]
    fn every_other_body_is_left_to_the_reader_of_members() {
        for body in [
            r#"{"ok":true,"result":true,"description":"Webhook was set"}"#,
            r#"{"ok":true,"result":true,"ok":false}"#,
            r#"{"ok":true,"result":true}}"#,
            r#"{"ok":true,"result":true"#,
            r#"{"ok":true,"result":}"#,
            r#"{"ok":true,"result":7}"#,
            r#"{"ok":true,"result":null}"#,
            r#"{"ok":false,"result":true}"#,
            r#"{ "ok":true,"result":true}"#,
            "{\"ok\":true,\"result\":true}\n",
            "",
        ] {
            assert!(reads::<DeleteMessage>(body).is_none(), "{body}");
        }
        for body in [
            r#"{"ok":true,"result":{"id":7,"is_bot":true,"first_name":"A"}"#,
            r#"{"ok":true,"result":{"id":7,"is_bot":true,"first_name":"A"},"x":{}}"#,
            r#"{"ok":true,"result":{"id":7,"is_bot":true,"first_name":"A"#,
        ] {
            assert!(reads::<GetMe>(body).is_none(), "{body}");
        }
        let not_utf8 = Bytes::from_static(b"{\"ok\":true,\"result\":\"\xff\"}");
        let expected = Expected::result_of::<DeleteMessage>();
        assert!(expected.read(&not_utf8).is_none());
        let usual = Bytes::from_static(b"{\"ok\":true,\"result\":true}");
        assert!(Expected::Result.read(&usual).is_none());
    }
}
