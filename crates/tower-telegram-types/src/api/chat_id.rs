//! A chat as a method's parameter, by its number or its public name.

use std::{convert::Infallible, fmt, str::FromStr};

use serde_core::{Serialize, Serializer};

use super::Str;
use crate::json::{FromJson, Reader, Result, impl_deserialize};

/// A chat, by its number or by its public name.
///
/// A text is a number if it is one, and otherwise a name, as Telegram reads it. So a map with chats as its keys can be
/// written as JSON, in which keys are texts, and read again.
///
/// Methods take it wherever the Bot API takes an integer or an `@name`:
///
/// ```
/// use tower_telegram::{methods::SendMessage, types::ChatId};
///
/// assert_eq!(SendMessage::new(42, "hi").chat_id, ChatId::Id(42));
/// assert_eq!(SendMessage::new("@channel", "hi").chat_id, ChatId::Username("@channel".into()));
/// ```
///
/// Handlers store data of a chat under its [number](Self::id), which every chat of an update has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChatId {
    /// The number: positive for a user, negative for a group or channel.
    Id(i64),
    /// The public name, with its `@`.
    Username(Str),
}

impl ChatId {
    /// The number; `None` for a public name.
    ///
    /// ```
    /// use tower_telegram::types::ChatId;
    ///
    /// assert_eq!(ChatId::from(-1_001_234).id(), Some(-1_001_234));
    /// assert_eq!(ChatId::from("@channel").id(), None);
    /// ```
    pub fn id(&self) -> Option<i64> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Username(_) => None,
        }
    }

    /// The public name, with its `@`; `None` for a number.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Username(name) => Some(name),
        }
    }
}

impl From<i64> for ChatId {
    fn from(id: i64) -> Self {
        Self::Id(id)
    }
}

/// A number if it is one, as Telegram reads it, and otherwise a public name.
impl From<&str> for ChatId {
    fn from(text: &str) -> Self {
        number(text).map_or_else(|| Self::Username(text.into()), Self::Id)
    }
}

impl From<String> for ChatId {
    fn from(text: String) -> Self {
        Str::from(text).into()
    }
}

impl From<Str> for ChatId {
    fn from(text: Str) -> Self {
        number(&text).map_or_else(|| Self::Username(text), Self::Id)
    }
}

/// The number that a text is, without the `+` that Rust would take.
fn number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// A number, or else a public name: for chats in arguments and settings.
///
/// ```
/// use tower_telegram::types::ChatId;
///
/// assert_eq!("-1001234567890".parse(), Ok(ChatId::Id(-1001234567890)));
/// assert_eq!("@channel".parse(), Ok(ChatId::Username("@channel".into())));
/// ```
impl FromStr for ChatId {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => fmt::Display::fmt(id, f),
            Self::Username(name) => fmt::Display::fmt(name, f),
        }
    }
}

impl FromJson for ChatId {
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        // Also a key of an object, which is always a text, and the arguments of other libraries' bots.
        if r.peek() == Some(b'"') {
            return Str::from_json(r).map(Self::from);
        }
        r.integer().map(Self::Id)
    }
}

impl_deserialize!(ChatId);

impl Serialize for ChatId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Id(id) => serializer.serialize_i64(*id),
            Self::Username(name) => serializer.serialize_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ChatId;

    /// As the server reads a parameter: what has no `@` is a number, also in quotes.
    #[test]
    fn a_text_that_is_a_number_is_one() {
        for (text, expected) in [
            ("42", ChatId::Id(42)),
            ("-1001234567890", ChatId::Id(-1_001_234_567_890)),
            ("9223372036854775807", ChatId::Id(i64::MAX)),
            ("9223372036854775808", name("9223372036854775808")),
            ("@channel", name("@channel")),
            ("@42", name("@42")),
            ("+42", name("+42")),
            ("4 2", name("4 2")),
            ("", name("")),
        ] {
            assert_eq!(ChatId::from(text), expected, "{text}");
            assert_eq!(ChatId::from(text.to_owned()), expected, "{text}");
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(
                serde_json::from_str::<ChatId>(&json).unwrap(),
                expected,
                "{text}"
            );
        }
    }

    fn name(text: &str) -> ChatId {
        ChatId::Username(text.into())
    }
}
