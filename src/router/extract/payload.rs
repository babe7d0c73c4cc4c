//! The payloads of updates as arguments of a handler.

use std::future::{Future, ready};

use super::super::{
    error::MissingFromUpdate,
    parts::{FromUpdate, UpdateParts},
};
use crate::types::{
    BotSubscriptionUpdated, BusinessConnection, BusinessMessagesDeleted, CallbackQuery,
    ChatBoostRemoved, ChatBoostUpdated, ChatJoinRequest, ChatMemberUpdated, ChosenInlineResult,
    InlineQuery, ManagedBotUpdated, Message, MessageGenerationStopped, MessageReactionCountUpdated,
    MessageReactionUpdated, PaidMediaPurchased, Poll, PollAnswer, PreCheckoutQuery, ShippingQuery,
    UpdateKind,
};

/// A new message, in its box. Edited messages, posts in channels and the message of a pressed button aren't new
/// messages; a `Message` as an argument is any of the first two, too.
///
/// ```
/// use tower_telegram::{
///     methods::SendMessage,
///     router::{NewMessage, Router},
/// };
///
/// async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
///     Some(SendMessage::new(message.chat.id, message.text?))
/// }
///
/// let router: Router = Router::new().message(echo);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage(pub Box<Message>);

impl<S: Sync> FromUpdate<S> for NewMessage {
    type Rejection = MissingFromUpdate;

    const NEVER_WAITS: bool = true;

    fn from_update(
        parts: UpdateParts,
        state: &S,
    ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
        ready(Self::at_once(parts, state))
    }

    #[inline]
    fn at_once(parts: UpdateParts, _: &S) -> Result<Self, MissingFromUpdate> {
        match parts.update.kind {
            UpdateKind::Message(message) => Ok(Self(message)),
            _ => Err(MissingFromUpdate::new("a new message")),
        }
    }
}

/// Makes a payload an argument, in its box and by value.
macro_rules! impl_for_payloads {
    ($($payload:ty: $what:literal, $($kind:ident)|+;)*) => {$(
        impl<S: Sync> FromUpdate<S> for Box<$payload> {
            type Rejection = MissingFromUpdate;

            const NEVER_WAITS: bool = true;

            fn from_update(
                parts: UpdateParts,
                state: &S,
            ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
                ready(Self::at_once(parts, state))
            }

            #[inline]
            fn at_once(parts: UpdateParts, _: &S) -> Result<Self, MissingFromUpdate> {
                match parts.update.kind {
                    $(UpdateKind::$kind(payload))|+ => Ok(payload),
                    _ => Err(MissingFromUpdate::new($what)),
                }
            }
        }

        impl<S: Sync> FromUpdate<S> for $payload {
            type Rejection = MissingFromUpdate;

            const NEVER_WAITS: bool = true;

            fn from_update(
                parts: UpdateParts,
                state: &S,
            ) -> impl Future<Output = Result<Self, MissingFromUpdate>> + Send {
                ready(Self::at_once(parts, state))
            }

            #[inline]
            fn at_once(parts: UpdateParts, _: &S) -> Result<Self, MissingFromUpdate> {
                match parts.update.kind {
                    $(UpdateKind::$kind(payload))|+ => Ok(*payload),
                    _ => Err(MissingFromUpdate::new($what)),
                }
            }
        }
    )*

        #[cfg(test)]
        const TYPES: &[crate::types::UpdateType] = &[$($(crate::types::UpdateType::$kind),+),*];
    };
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
    BotSubscriptionUpdated: "a change of a subscription", Subscription;
    MessageGenerationStopped: "a stopped generation of a message", StoppedMessageGeneration;
}

#[cfg(test)]
mod tests {
    use super::TYPES;
    use crate::types::UpdateType;

    #[test]
    fn each_type_of_update_has_a_payload_that_a_handler_can_take() {
        for update_type in UpdateType::ALL {
            assert!(TYPES.contains(&update_type), "{update_type}");
        }
    }
}
