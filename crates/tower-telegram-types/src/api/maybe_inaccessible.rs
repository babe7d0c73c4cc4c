//! The chat and number of a message that the bot may not see any more.

use crate::types::{Chat, MaybeInaccessibleMessage, Message};

impl MaybeInaccessibleMessage {
    /// The chat that the message is or was in; `None` if it came in a form that this version doesn't know.
    ///
    /// ```
    /// use tower_telegram::types::MaybeInaccessibleMessage;
    ///
    /// let deleted: MaybeInaccessibleMessage = serde_json::from_str(
    ///     r#"{"message_id": 7, "date": 0, "chat": {"id": 42, "type": "private"}}"#,
    /// )?;
    /// assert_eq!(deleted.chat().map(|chat| chat.id), Some(42));
    /// assert_eq!(deleted.message_id(), Some(7));
    /// assert_eq!(deleted.message(), None);
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    pub fn chat(&self) -> Option<&Chat> {
        match self {
            Self::Message(message) => Some(&message.chat),
            Self::InaccessibleMessage(message) => Some(&message.chat),
            Self::Unknown(_) => None,
        }
    }

    /// The message's number in its chat; `None` if it came in a form that this version doesn't know.
    pub fn message_id(&self) -> Option<i64> {
        match self {
            Self::Message(message) => Some(message.message_id),
            Self::InaccessibleMessage(message) => Some(message.message_id),
            Self::Unknown(_) => None,
        }
    }

    /// The whole message, if the bot can see it.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::types::MaybeInaccessibleMessage;

    fn read(json: &str) -> MaybeInaccessibleMessage {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_message_has_a_chat_and_a_number_whether_it_can_be_seen_or_not() {
        for (date, is_seen) in [(1_700_000_000, true), (0, false)] {
            let message = read(&format!(
                r#"{{"message_id":7,"date":{date},"chat":{{"id":42,"type":"private"}}}}"#
            ));
            assert_eq!(message.chat().map(|chat| chat.id), Some(42));
            assert_eq!(message.message_id(), Some(7));
            assert_eq!(message.message().is_some(), is_seen);
        }
    }

    #[test]
    fn a_message_of_an_unknown_form_has_neither() {
        let message = read("true");
        assert!(matches!(message, MaybeInaccessibleMessage::Unknown(_)));
        assert_eq!((message.chat(), message.message_id()), (None, None));
        assert_eq!(message.message(), None);
    }
}
