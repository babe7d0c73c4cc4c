//! The result of an edit: the message, or `true`.

use crate::{
    json::{FromJson, Reader, Result, impl_deserialize},
    types::Message,
};

/// The result of a method that edits: the message, or for a message sent through inline mode, only `true`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MessageOrTrue {
    /// The message as it is now.
    Message(Box<Message>),
    /// The edited message was sent through inline mode, and the bot can't see it.
    True,
}

impl MessageOrTrue {
    /// The edited message; `None` if the bot can't see it.
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Message(message) => Some(*message),
            Self::True => None,
        }
    }
}

impl FromJson for MessageOrTrue {
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        if r.peek() == Some(b't') {
            return r.boolean().map(|_| Self::True);
        }
        FromJson::from_json(r).map(Self::Message)
    }
}

impl_deserialize!(MessageOrTrue);

#[cfg(feature = "serde-all")]
impl serde_core::Serialize for MessageOrTrue {
    fn serialize<S: serde_core::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Message(message) => message.serialize(serializer),
            Self::True => serializer.serialize_bool(true),
        }
    }
}
