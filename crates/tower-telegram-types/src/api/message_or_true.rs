//! What editing gives back.

use crate::{
    json::{FromJson, Reader, Result, impl_deserialize},
    types::Message,
};

/// The message, where the bot sent it; nothing but success for an inline message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MessageOrTrue {
    /// The message as it is now.
    Message(Box<Message>),
    /// An inline message, which the bot doesn't get to see.
    True,
}

impl MessageOrTrue {
    /// The message, if there is one.
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
