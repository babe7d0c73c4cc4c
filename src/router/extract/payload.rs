//! The payload of an update, by its type.

use std::future::{Future, ready};

use super::super::{
    error::MissingFromUpdate,
    parts::{FromUpdate, UpdateParts},
};
use crate::types::{
    BusinessConnection, BusinessMessagesDeleted, CallbackQuery, ChatBoostRemoved, ChatBoostUpdated,
    ChatJoinRequest, ChatMemberUpdated, ChosenInlineResult, InlineQuery, ManagedBotUpdated,
    Message, MessageReactionCountUpdated, MessageReactionUpdated, PaidMediaPurchased, Poll,
    PollAnswer, PreCheckoutQuery, ShippingQuery, UpdateKind,
};

/// A new message: not an edited one, not a post in a channel, not the message under a pressed button.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage(pub Box<Message>);

impl<S: Sync> FromUpdate<S> for NewMessage {
    type Rejection = MissingFromUpdate;

    fn from_update(
        parts: UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        ready(match parts.update.kind {
            UpdateKind::Message(message) => Ok(Self(message)),
            _ => Err(MissingFromUpdate::new("a new message")),
        })
    }
}

/// The payload of these kinds of update, in its box and by value.
macro_rules! impl_for_payloads {
    ($($payload:ty: $what:literal, $($kind:ident)|+;)*) => {$(
        impl<S: Sync> FromUpdate<S> for Box<$payload> {
            type Rejection = MissingFromUpdate;

            fn from_update(
                parts: UpdateParts,
                _: &S,
            ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
                ready(match parts.update.kind {
                    $(UpdateKind::$kind(payload))|+ => Ok(payload),
                    _ => Err(MissingFromUpdate::new($what)),
                })
            }
        }

        impl<S: Sync> FromUpdate<S> for $payload {
            type Rejection = MissingFromUpdate;

            async fn from_update(
                parts: UpdateParts,
                state: &S,
            ) -> Result<Self, MissingFromUpdate> {
                Box::<Self>::from_update(parts, state).await.map(|payload| *payload)
            }
        }
    )*};
}

impl_for_payloads! {
    Message: "a message", Message | EditedMessage | ChannelPost | EditedChannelPost | BusinessMessage
        | EditedBusinessMessage | GuestMessage;
    CallbackQuery: "a callback query", CallbackQuery;
    InlineQuery: "an inline query", InlineQuery;
    ChosenInlineResult: "a chosen inline result", ChosenInlineResult;
    ShippingQuery: "a shipping query", ShippingQuery;
    PreCheckoutQuery: "a pre-checkout query", PreCheckoutQuery;
    PaidMediaPurchased: "purchased paid media", PurchasedPaidMedia;
    Poll: "a poll", Poll;
    PollAnswer: "an answer to a poll", PollAnswer;
    ChatMemberUpdated: "a change of a chat member", ChatMember | MyChatMember;
    ChatJoinRequest: "a request to join a chat", ChatJoinRequest;
    ChatBoostUpdated: "a boost of a chat", ChatBoost;
    ChatBoostRemoved: "a removed boost of a chat", RemovedChatBoost;
    MessageReactionUpdated: "a reaction to a message", MessageReaction;
    MessageReactionCountUpdated: "a count of reactions", MessageReactionCount;
    BusinessConnection: "a business connection", BusinessConnection;
    BusinessMessagesDeleted: "deleted business messages", DeletedBusinessMessages;
    ManagedBotUpdated: "a managed bot", ManagedBot;
}
