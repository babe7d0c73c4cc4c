//! An update: reading it, and finding the message, chat and user in it.

use std::str::FromStr;

use crate::{
    json::{
        self, FromJson, ParseError, Reader, Result, UpdateMember, impl_deserialize, read_or,
        read_update,
    },
    types::{Chat, Message, UpdateKind, UpdateType, User},
};

/// An event that Telegram reports to the bot: its [`Update`](https://core.telegram.org/bots/api#update).
///
/// An update of a type that is newer than this version, or whose payload doesn't fit its type, is
/// [`UpdateKind::Unknown`], which keeps the payload's text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Update {
    /// The update's number. Numbers rise by one; after a week without updates they may start anywhere.
    pub update_id: i64,
    /// The type of the event, with its payload.
    pub kind: UpdateKind,
}

impl Update {
    /// Reads an update from a request's body.
    ///
    /// It takes about 60 % of the instructions of `serde_json::from_slice`, which reads the text once before it hands it
    /// to this reader.
    ///
    /// ```
    /// use tower_telegram::types::{ParseError, Update};
    ///
    /// let body = br#"{"update_id":7,"message":{"message_id":1,"date":0,
    ///     "chat":{"id":3,"type":"private"},"text":"hi"}}"#;
    /// let update = Update::from_slice(body)?;
    /// assert_eq!(update.update_id, 7);
    /// assert_eq!(update.new_message().unwrap().text.as_deref(), Some("hi"));
    /// # Ok::<_, ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the body isn't JSON ([`ParseError::is_syntax`]), or isn't an update ([`ParseError::is_mismatch`]). An update of
    /// an unknown type, or one whose payload doesn't fit its type, is no error.
    pub fn from_slice(body: &[u8]) -> std::result::Result<Self, ParseError> {
        json::from_slice(body)
    }

    /// Reads an update from text, as [`FromStr`] does.
    ///
    /// ```
    /// use tower_telegram::types::Update;
    ///
    /// let text = r#"{"update_id":7,"planet_discovered":{}}"#;
    /// let update = Update::from_str(text).unwrap();
    /// assert_eq!(update.kind.name(), "planet_discovered");
    /// assert_eq!(text.parse(), Ok(update));
    /// assert!("[]".parse::<Update>().unwrap_err().is_mismatch());
    /// ```
    ///
    /// # Errors
    ///
    /// As with [`from_slice`](Self::from_slice).
    // An inherent function needs no import of the trait.
    #[allow(clippy::should_implement_trait)]
    pub fn from_str(text: &str) -> std::result::Result<Self, ParseError> {
        json::from_str(text)
    }

    /// The update's type.
    pub fn update_type(&self) -> UpdateType {
        self.kind.update_type()
    }

    /// The message, in an update that is about one: sent, edited, posted in a channel, of a business account, for a
    /// guest bot. For a pressed button it is the message *under which the button is*, which the bot itself sent.
    ///
    /// A bot that responds to what people write wants [`new_message`](Self::new_message).
    pub fn any_message(&self) -> Option<&Message> {
        self.kind.message()
    }

    /// A message that was just sent in a private chat or group.
    ///
    /// `None` for an edited message, a channel's post, a message of a business account or for a guest bot, and for the
    /// message under a pressed button.
    ///
    /// ```
    /// use tower_telegram::types::Update;
    ///
    /// let sent = br#"{"update_id":7,"message":{"message_id":1,"date":1,
    ///     "chat":{"id":3,"type":"private"},"text":"hi"}}"#;
    /// let edited = br#"{"update_id":8,"edited_message":{"message_id":1,"date":1,
    ///     "chat":{"id":3,"type":"private"},"text":"hi!"}}"#;
    /// let (sent, edited) = (Update::from_slice(sent)?, Update::from_slice(edited)?);
    /// assert!(sent.new_message().is_some());
    /// assert!(edited.new_message().is_none());
    /// assert!(edited.any_message().is_some());
    /// # Ok::<_, tower_telegram::types::ParseError>(())
    /// ```
    pub fn new_message(&self) -> Option<&Message> {
        match &self.kind {
            UpdateKind::Message(message) => Some(message),
            _ => None,
        }
    }

    /// The chat in which it happened; `None` for an update without a chat, such as an inline query.
    ///
    /// For a pressed button it is the chat of the message under which the button is.
    pub fn chat(&self) -> Option<&Chat> {
        self.kind.chat()
    }

    /// The [connection](https://core.telegram.org/bots/api#businessconnection) to a business account by which the update
    /// came: of a message, also of the one under a pressed button, of deleted messages, or of the connection itself.
    /// `None` for the bot's own chats.
    ///
    /// A chat with a business account has the number of the customer, as has the bot's own chat with them. Only the
    /// connection tells the two apart.
    ///
    /// ```
    /// use tower_telegram::types::Update;
    ///
    /// let update = br#"{"update_id":7,"business_message":{"message_id":1,"date":1,
    ///     "business_connection_id":"b1","chat":{"id":3,"type":"private"},"text":"hi"}}"#;
    /// let update = Update::from_slice(update)?;
    /// assert_eq!(update.business_connection_id(), Some("b1"));
    /// # Ok::<_, tower_telegram::types::ParseError>(())
    /// ```
    pub fn business_connection_id(&self) -> Option<&str> {
        match &self.kind {
            UpdateKind::BusinessConnection(connection) => Some(&connection.id),
            UpdateKind::DeletedBusinessMessages(deleted) => Some(&deleted.business_connection_id),
            kind => kind.message()?.business_connection_id.as_deref(),
        }
    }

    /// The user who caused the update; `None` where no user did, as for a channel's post or a poll's new count.
    pub fn from(&self) -> Option<&User> {
        self.kind.user()
    }
}

impl FromStr for Update {
    type Err = ParseError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseError> {
        json::from_str(text)
    }
}

impl FromJson for Update {
    const LEFT_OUT_OF_LISTS: bool = true;

    /// The members may be in any order. One that isn't named like a known type of update counts only if there is no other.
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        let (mut kind, mut misfit) = (None, None);
        let update_id = read_update(r, &mut kind, |r, member| match member {
            UpdateMember::Known(update_type) => read_known(r, update_type, &mut misfit),
            UpdateMember::Unknown(name) => read_unknown(r, &name),
        })?;
        if let Some((update_type, error)) = misfit {
            log_misfit(update_id, update_type, &error);
        }
        Ok(Self {
            update_id,
            kind: r.required(kind, "update")?,
        })
    }
}

/// With the reason why it doesn't fit, if it doesn't.
fn read_known(
    r: &mut Reader<'_>,
    update_type: UpdateType,
    misfit: &mut Option<(UpdateType, ParseError)>,
) -> Result<UpdateKind> {
    read_or(
        r,
        |raw, fault| {
            *misfit = Some((update_type, fault));
            UpdateKind::Unknown {
                name: update_type.as_str().into(),
                raw,
            }
        },
        |r| UpdateKind::read(update_type, r),
    )
}

#[cold]
fn log_misfit(update_id: i64, update_type: UpdateType, error: &ParseError) {
    tracing::warn!(
        update_id,
        update_type = update_type.as_str(),
        %error,
        "update doesn't fit its type; passed on raw"
    );
}

fn read_unknown(r: &mut Reader<'_>, name: &str) -> Result<UpdateKind> {
    Ok(UpdateKind::Unknown {
        name: name.into(),
        raw: FromJson::from_json(r)?,
    })
}

impl_deserialize!(Update);

#[cfg(feature = "serde-all")]
impl serde_core::Serialize for Update {
    fn serialize<S: serde_core::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        use serde_core::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("update_id", &self.update_id)?;
        self.kind.write_entry(&mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::Update;

    fn update(kind: &str) -> Update {
        let text = format!(
            r#"{{"update_id":7,"{kind}":{{"message_id":1,"date":1,"chat":{{"id":3,"type":"private"}}}}}}"#
        );
        text.parse().unwrap()
    }

    #[test]
    fn a_new_message_is_neither_edited_nor_posted_nor_for_an_account_nor_under_a_button() {
        assert!(update("message").new_message().is_some());
        for kind in [
            "edited_message",
            "channel_post",
            "edited_channel_post",
            "business_message",
            "edited_business_message",
            "guest_message",
        ] {
            let update = update(kind);
            assert!(update.new_message().is_none(), "{kind}");
            let any = update.any_message().map(|message| message.message_id);
            assert_eq!(any, Some(1), "{kind}");
            assert_eq!(update.chat().map(|chat| chat.id), Some(3), "{kind}");
        }
        let pressed = r#"{"update_id":7,"callback_query":{"id":"1","chat_instance":"1",
            "from":{"id":4,"is_bot":false,"first_name":"Ada"},
            "message":{"message_id":1,"date":1,"chat":{"id":3,"type":"private"}}}}"#;
        let pressed: Update = pressed.parse().unwrap();
        assert!(pressed.new_message().is_none());
        assert!(pressed.any_message().is_some());
        assert_eq!(pressed.chat().map(|chat| chat.id), Some(3));
        assert_eq!(pressed.from().map(|user| user.id), Some(4));
    }

    #[test]
    fn a_button_under_a_deleted_message_still_has_its_chat() {
        let pressed = r#"{"update_id":7,"callback_query":{"id":"1","chat_instance":"1",
            "from":{"id":4,"is_bot":false,"first_name":"Ada"},
            "message":{"message_id":1,"date":0,"chat":{"id":3,"type":"private"}}}}"#;
        let pressed: Update = pressed.parse().unwrap();
        assert!(pressed.any_message().is_none());
        assert_eq!(pressed.chat().map(|chat| chat.id), Some(3));
    }
}
