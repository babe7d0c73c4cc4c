//! A text with its entities.

use super::utf16;
use crate::{
    methods::SendMessage,
    types::{ChatId, MessageEntity, Str},
};

/// A text and the entities that format it.
///
/// From a [`Builder`](super::Builder), from [`split`](super::split), or from text alone.
/// The entities' offsets and lengths count UTF-16 code units of the text.
///
/// ```
/// use tower_telegram::{text::{Builder, FormattedText}, types::ChatId};
///
/// let caption: FormattedText = Builder::new().text("A ").bold("cat").into();
/// assert_eq!(caption.text, "A cat");
/// assert_eq!(caption.units(), 5);
/// let message = caption.into_message(ChatId::from(7));
/// assert_eq!(message.entities.as_ref().map(Vec::len), Some(1));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FormattedText {
    /// The text, without markup.
    pub text: String,
    /// The formatted parts; empty for plain text.
    pub entities: Vec<MessageEntity>,
}

impl FormattedText {
    /// A text with these entities. They aren't checked here.
    pub fn new(text: impl Into<String>, entities: impl Into<Vec<MessageEntity>>) -> Self {
        Self {
            text: text.into(),
            entities: entities.into(),
        }
    }

    /// The text's length in UTF-16 code units, which Telegram's limits are for.
    pub fn units(&self) -> usize {
        utf16::length(&self.text)
    }

    /// A message of this text to a chat. It needs no `parse_mode`.
    ///
    /// For a caption, and for other methods, give them the two fields.
    pub fn into_message(self, chat_id: impl Into<ChatId>) -> SendMessage {
        let message = SendMessage::new(chat_id, self.text);
        if self.entities.is_empty() {
            return message;
        }
        message.entities(self.entities)
    }
}

impl From<&str> for FormattedText {
    fn from(text: &str) -> Self {
        Self::new(text, [])
    }
}

impl From<&String> for FormattedText {
    fn from(text: &String) -> Self {
        Self::new(text.as_str(), [])
    }
}

impl From<String> for FormattedText {
    fn from(text: String) -> Self {
        Self::new(text, [])
    }
}

impl From<Str> for FormattedText {
    fn from(text: Str) -> Self {
        Self::new(text, [])
    }
}

impl From<&Str> for FormattedText {
    fn from(text: &Str) -> Self {
        Self::new(text.as_str(), [])
    }
}
