//! Errors of handlers and of their arguments.

use std::{error::Error, fmt};

use tower::BoxError;

use super::parts::ExtractorRejection;
use crate::{
    methods::SendMessage,
    types::{Message, Str, Update, UpdateType},
};

/// The rejection of an argument that the update doesn't have. The update has failed permanently, unless the
/// argument is an `Option`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingFromUpdate {
    what: &'static str,
}

impl MissingFromUpdate {
    /// The update doesn't have it. `what` names it for the log, with its article: "a chat".
    pub fn new(what: &'static str) -> Self {
        Self { what }
    }
}

impl fmt::Display for MissingFromUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler takes {} and the update has none", self.what)
    }
}

impl Error for MissingFromUpdate {}

impl ExtractorRejection for MissingFromUpdate {
    fn is_missing(&self) -> bool {
        true
    }
}

/// A handler's error for the hook of [`Router::on_error`](super::Router::on_error), with the place for a
/// [reply](Self::reply).
#[derive(Debug)]
#[non_exhaustive]
pub struct HandlerError {
    /// The error that the handler returned, or that a layer or an argument made.
    pub error: BoxError,
    /// The number of the update.
    pub update_id: i64,
    /// The type of the update.
    pub update_type: UpdateType,
    /// The chat that the update is from. `None` for updates without a chat, such as inline queries.
    pub chat_id: Option<i64>,
    /// The user who caused the update. `None` for updates without a user, such as posts in a channel.
    pub user_id: Option<i64>,
    /// The [connection](https://core.telegram.org/bots/api#businessconnection) to the business account whose chat
    /// it is. `None` for the bot's own chats. Without it, a message to the chat goes to the bot's own private chat
    /// with the customer.
    pub business_connection_id: Option<Str>,
    place: ReplyPlace,
}

/// Where a reply to an update goes.
#[derive(Debug)]
enum ReplyPlace {
    /// To the chat, without a topic.
    Chat,
    /// To a topic, for a business account, or to one user: a message without its text.
    Within(Box<SendMessage>),
    /// Nowhere, because the bot isn't in the chat of a guest message.
    Nowhere,
}

impl ReplyPlace {
    fn of(message: &Message) -> Self {
        if message.guest_query_id.is_some() {
            return Self::Nowhere;
        }
        let is_within = message.is_topic_message
            || message.direct_messages_topic.is_some()
            || message.business_connection_id.is_some()
            || message.ephemeral_message_id.is_some();
        if !is_within {
            return Self::Chat;
        }
        let mut reply = message.reply("");
        if message.ephemeral_message_id.is_none() {
            reply.reply_parameters = None;
        }
        Self::Within(Box::new(reply))
    }
}

impl HandlerError {
    /// Copies what an error needs out of the update, because the handler consumes that.
    pub(super) fn of(update: &Update) -> impl FnOnce(BoxError) -> Self + Send + use<> {
        let (update_id, update_type) = (update.update_id, update.update_type());
        let chat_id = update.chat().map(|chat| chat.id);
        let user_id = update.from().map(|user| user.id);
        let business_connection_id = update.business_connection_id().map(Into::into);
        let message = update.any_message();
        let place = message.map_or(ReplyPlace::Chat, ReplyPlace::of);
        move |error| Self {
            error,
            update_id,
            update_type,
            chat_id,
            user_id,
            business_connection_id,
            place,
        }
    }

    /// A message with this text to the chat and topic that the update came from, through the same business account; to
    /// one user alone if the message was for that user alone.
    ///
    /// `None` for an update without a chat, and for a guest message, because the bot isn't in its chat.
    ///
    /// ```
    /// use tower_telegram::router::{HandlerError, Router};
    ///
    /// let router: Router = Router::new()
    ///     .message(async || Err::<(), _>("out of coffee"))
    ///     .on_error(async |failed: HandlerError| {
    ///         let reply = failed.reply("That didn't work.");
    ///         reply.ok_or(failed.error)
    ///     });
    /// ```
    pub fn reply(&self, text: impl Into<Str>) -> Option<SendMessage> {
        match &self.place {
            ReplyPlace::Nowhere => None,
            ReplyPlace::Within(reply) => {
                let mut reply = SendMessage::clone(reply);
                reply.text = text.into();
                Some(reply)
            }
            ReplyPlace::Chat => {
                let mut reply = SendMessage::new(self.chat_id?, text);
                reply
                    .business_connection_id
                    .clone_from(&self.business_connection_id);
                Some(reply)
            }
        }
    }
}
