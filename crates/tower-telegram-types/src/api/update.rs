//! An update, and who and where it is about.

use std::str::FromStr;

use crate::{
    json::{
        self, FromJson, ParseError, Reader, Result, UpdateMember, impl_deserialize, read_or,
        read_update,
    },
    types::{Chat, MaybeInaccessibleMessage, Message, UpdateKind, UpdateType, User},
};

/// Something that happened: Telegram's [`Update`](https://core.telegram.org/bots/api#update).
///
/// One that this version has no type for, or that doesn't fit its type, is there all the same, as
/// [`UpdateKind::Unknown`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Update {
    /// The update's number; they rise by one.
    pub update_id: i64,
    /// What happened.
    pub kind: UpdateKind,
}

impl Update {
    /// Reads an update from a request's body. It takes about 60 % of the instructions of
    /// `serde_json::from_slice`, which goes over the text once by itself before this reader does.
    ///
    /// ```
    /// use tower_telegram::types::{ParseError, Update};
    ///
    /// let body = br#"{"update_id":7,"message":{"message_id":1,"date":0,
    ///     "chat":{"id":3,"type":"private"},"text":"hi"}}"#;
    /// let update = Update::from_slice(body)?;
    /// assert_eq!(update.update_id, 7);
    /// assert_eq!(update.message().unwrap().text.as_deref(), Some("hi"));
    /// # Ok::<_, ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the body isn't JSON ([`ParseError::is_syntax`]), or not an update
    /// ([`ParseError::is_mismatch`]). An update that is new or doesn't fit its type is no error.
    pub fn from_slice(body: &[u8]) -> std::result::Result<Self, ParseError> {
        json::from_slice(body)
    }

    /// The same from text, as [`FromStr`] has it.
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

    /// The message, of whatever sort: sent, edited, posted in a channel, of a business account or
    /// a guest, or the one whose button was pressed.
    pub fn message(&self) -> Option<&Message> {
        match &self.kind {
            UpdateKind::Message(message)
            | UpdateKind::EditedMessage(message)
            | UpdateKind::ChannelPost(message)
            | UpdateKind::EditedChannelPost(message)
            | UpdateKind::BusinessMessage(message)
            | UpdateKind::EditedBusinessMessage(message)
            | UpdateKind::GuestMessage(message) => Some(message),
            UpdateKind::CallbackQuery(query) => match &query.message {
                Some(MaybeInaccessibleMessage::Message(message)) => Some(message),
                _ => None,
            },
            _ => None,
        }
    }

    /// The chat where it happened; none for what belongs to no chat, such as an inline query.
    pub fn chat(&self) -> Option<&Chat> {
        if let Some(message) = self.message() {
            return Some(&message.chat);
        }
        match &self.kind {
            UpdateKind::CallbackQuery(query) => match &query.message {
                Some(MaybeInaccessibleMessage::InaccessibleMessage(message)) => Some(&message.chat),
                _ => None,
            },
            UpdateKind::DeletedBusinessMessages(deleted) => Some(&deleted.chat),
            UpdateKind::MessageReaction(reaction) => Some(&reaction.chat),
            UpdateKind::MessageReactionCount(reaction) => Some(&reaction.chat),
            UpdateKind::MyChatMember(member) | UpdateKind::ChatMember(member) => Some(&member.chat),
            UpdateKind::ChatJoinRequest(request) => Some(&request.chat),
            UpdateKind::ChatBoost(boost) => Some(&boost.chat),
            UpdateKind::RemovedChatBoost(boost) => Some(&boost.chat),
            UpdateKind::StoppedMessageGeneration(stopped) => Some(&stopped.chat),
            _ => None,
        }
    }

    /// Who did it, where a user did; a channel's post and a poll's new count have nobody.
    pub fn from(&self) -> Option<&User> {
        match &self.kind {
            UpdateKind::CallbackQuery(query) => Some(&query.from),
            UpdateKind::InlineQuery(query) => Some(&query.from),
            UpdateKind::ChosenInlineResult(result) => Some(&result.from),
            UpdateKind::ShippingQuery(query) => Some(&query.from),
            UpdateKind::PreCheckoutQuery(query) => Some(&query.from),
            UpdateKind::PurchasedPaidMedia(purchase) => Some(&purchase.from),
            UpdateKind::BusinessConnection(connection) => Some(&connection.user),
            UpdateKind::MessageReaction(reaction) => reaction.user.as_deref(),
            UpdateKind::PollAnswer(answer) => answer.user.as_deref(),
            UpdateKind::MyChatMember(member) | UpdateKind::ChatMember(member) => Some(&member.from),
            UpdateKind::ChatJoinRequest(request) => Some(&request.from),
            UpdateKind::ManagedBot(managed) => Some(&managed.user),
            UpdateKind::Subscription(subscription) => Some(&subscription.user),
            _ => self.message()?.from.as_deref(),
        }
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

    /// Keys come in any order; one that isn't a known type of update counts only where no known
    /// one comes.
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        let mut kind = None;
        let update_id = read_update(r, &mut kind, |r, member| match member {
            UpdateMember::Known(update_type) => read_known(r, update_type),
            UpdateMember::Unknown(name) => read_unknown(r, &name),
        })?;
        Ok(Self {
            update_id,
            kind: r.required(kind, "update")?,
        })
    }
}

fn read_known(r: &mut Reader<'_>, update_type: UpdateType) -> Result<UpdateKind> {
    let mut misfit = None;
    let kind = read_or(
        r,
        |raw, fault| {
            misfit = Some(fault);
            UpdateKind::Unknown {
                name: update_type.as_str().into(),
                raw,
            }
        },
        |r| UpdateKind::read(update_type, r),
    )?;
    if let Some(error) = misfit {
        tracing::warn!(
            update_type = update_type.as_str(),
            %error,
            "an update doesn't fit its type and is handed on raw"
        );
    }
    Ok(kind)
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
