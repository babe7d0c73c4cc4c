//! What the caller of a method waits for, so that the response is read once and not twice.

use std::{any::Any, str};

use bytes::Bytes;

use crate::Method;

/// How Telegram begins the response to a call that it has carried out. Behind it are the result and a brace, unless the
/// response has other members too, such as the `description` after `setWebhook`.
const BEFORE_RESULT: &str = r#"{"ok":true,"result":"#;

/// A result as the type that its method returns.
pub(super) type TypedResult = Box<dyn Any + Send>;

/// What the response to a call has in it.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    File,
    /// A result, in JSON for the layers.
    Result,
    /// A result that is read as the type of a method. The function returns `None` for a text that isn't the JSON of one
    /// such value and nothing else.
    Typed(fn(&str) -> Option<TypedResult>),
}

impl Expected {
    pub(super) fn result_of<M: Method>() -> Self {
        Self::Typed(|json| {
            let result = M::decode(json).ok()?;
            Some(Box::new(result))
        })
    }

    /// Reads a success that has its result alone, and returns the result as JSON and in its type.
    ///
    /// `None` for every other body, whose members are to be read one by one.
    pub(super) fn read(self, body: &Bytes) -> Option<(Bytes, TypedResult)> {
        let Self::Typed(decode) = self else {
            return None;
        };
        let text = str::from_utf8(body).ok()?;
        let json = text.strip_prefix(BEFORE_RESULT)?.strip_suffix('}')?;
        // If this is one value, nothing but the result is between the two, and so the whole body is JSON.
        let result = decode(json)?;
        Some((body.slice_ref(json.as_bytes()), result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::{DeleteMessage, GetMe};

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
