//! The limits, and which calls count for which of them.

use super::{rate::Rate, shared_limits::LimitKey};
use crate::{client::ApiRequest, types::ChatId};

/// The most messages that a call counts for. Telegram takes no longer lists.
pub(super) const MAX_MESSAGES: usize = 100;

/// Calls that share the limit on all messages. Paid broadcasts have one of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum CallPool {
    Usual,
    Paid,
}

/// Calls that are counted together, or that pause together.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallScope<'a> {
    All(CallPool),
    Chat(&'a ChatScope),
}

/// The limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateLimits {
    pub(super) overall: Option<Rate>,
    pub(super) paid: Option<Rate>,
    pub(super) chat: Option<Rate>,
    pub(super) group: Option<Rate>,
}

impl RateLimits {
    pub(super) const TELEGRAM: Self = Self {
        overall: Some(Rate::per_second(30)),
        paid: Some(Rate::per_second(1000)),
        chat: Some(Rate::per_second(1)),
        group: Some(Rate::per_minute(20)),
    };

    /// The limits of a scope.
    pub(super) fn of(&self, scope: CallScope<'_>) -> impl Iterator<Item = Rate> + use<> {
        let rates = match scope {
            CallScope::All(CallPool::Usual) => [self.overall, None],
            CallScope::All(CallPool::Paid) => [self.paid, None],
            CallScope::Chat(ChatScope::Method(_)) => [None, None],
            CallScope::Chat(chat) if chat.is_group() => [self.chat, self.group],
            CallScope::Chat(_) => [self.chat, None],
        };
        rates.into_iter().flatten()
    }
}

/// A chat as the limits know it: the same one however its name is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ChatScope {
    Id(i64),
    Name(Box<str>),
    /// No chat: the calls of a method that name none, such as edits of inline messages. They have no limit of
    /// their own, but pause together.
    Method(Box<str>),
}

impl ChatScope {
    pub(super) fn of(call: &ApiRequest) -> Self {
        call.chat_id().map_or_else(
            // Telegram ignores the case of a method's name.
            || Self::Method(call.method().to_ascii_lowercase().into()),
            Self::from,
        )
    }

    pub(super) fn is_chat(&self) -> bool {
        !matches!(self, Self::Method(_))
    }

    /// The key for limits that are shared with other processes.
    pub(super) fn to_key(&self) -> LimitKey {
        match self {
            Self::Id(id) => LimitKey::Chat(id.to_string().into()),
            Self::Name(name) => LimitKey::Chat(name.clone()),
            Self::Method(name) => LimitKey::Method(name.clone()),
        }
    }

    /// A group or a channel: only those have negative ids, and only those have names.
    fn is_group(&self) -> bool {
        match self {
            Self::Id(id) => *id < 0,
            Self::Name(_) => true,
            Self::Method(_) => false,
        }
    }
}

impl From<&ChatId> for ChatScope {
    fn from(chat_id: &ChatId) -> Self {
        match chat_id {
            ChatId::Id(id) => Self::Id(*id),
            // Telegram takes an id in quotes too.
            ChatId::Username(name) => name
                .parse()
                .map_or_else(|_| Self::Name(name.to_ascii_lowercase().into()), Self::Id),
            other => Self::Name(other.to_string().into()),
        }
    }
}

/// Whether a method sends or changes messages, which Telegram limits.
///
/// Recognised by the beginning of the name, so that new methods are too. Telegram ignores the case.
pub(super) fn is_limited_method(method: &str) -> bool {
    // These send no messages. Drafts follow each other quickly on purpose, and one that waited would be outdated.
    const EXEMPT: [&str; 4] = [
        "sendChatAction",
        "sendChatJoinRequestWebApp",
        "sendMessageDraft",
        "sendRichMessageDraft",
    ];
    const COUNTED: [&str; 8] = [
        "send",
        "copyMessage",
        "forwardMessage",
        "editMessage",
        "editEphemeralMessage",
        "stopMessage",
        "stopPoll",
        "setGameScore",
    ];
    let begins = |name: &str| {
        let head = method.get(..name.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(name))
    };
    COUNTED.iter().any(|name| begins(name))
        && !EXEMPT.iter().any(|name| method.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f7_methods_that_send_or_change_messages_count() {
        for method in [
            "sendMessage",
            "SENDMESSAGE",
            "sendPhoto",
            "sendMediaGroup",
            "sendPoll",
            "sendRichMessage",
            "sendInvoice",
            "sendConfetti",
            "copyMessage",
            "copyMessages",
            "forwardMessage",
            "forwardMessages",
            "editMessageText",
            "editMessageReplyMarkup",
            "editEphemeralMessageText",
            "stopPoll",
            "stopMessageLiveLocation",
            "setGameScore",
        ] {
            assert!(is_limited_method(method), "{method}");
        }
        for method in [
            "getMe",
            "getUpdates",
            "getChat",
            "answerCallbackQuery",
            "answerInlineQuery",
            "sendChatAction",
            "sendchataction",
            "sendChatJoinRequestWebApp",
            "sendMessageDraft",
            "sendRichMessageDraft",
            "pinChatMessage",
            "setWebhook",
            "deleteWebhook",
            "deleteMessage",
            "setMessageReaction",
            "editForumTopic",
            "editChatInviteLink",
            "banChatMember",
            "postStory",
            "close",
            "logOut",
            "sen",
            "",
            "seéd",
        ] {
            assert!(!is_limited_method(method), "{method}");
        }
    }

    #[test]
    fn f7_the_case_of_a_name_and_quotes_around_an_id_make_no_other_chat() {
        let chat = |chat_id: ChatId| ChatScope::from(&chat_id);
        assert_eq!(chat("@Durov".into()), chat("@durov".into()));
        assert_eq!(chat("-1001".into()), chat((-1001).into()));
        assert_ne!(chat("@durov".into()), chat("@durow".into()));
        assert_ne!(chat(1.into()), chat((-1).into()));
    }

    #[test]
    fn f7_groups_and_channels_have_one_more_limit() {
        let rates = |chat_id: ChatId| {
            let chat = ChatScope::from(&chat_id);
            RateLimits::TELEGRAM.of(CallScope::Chat(&chat)).count()
        };
        assert_eq!(rates(1.into()), 1);
        assert_eq!(rates((-1).into()), 2);
        assert_eq!(rates("@channel".into()), 2);
        for pool in [CallPool::Usual, CallPool::Paid] {
            assert_eq!(RateLimits::TELEGRAM.of(CallScope::All(pool)).count(), 1);
        }
    }

    #[test]
    fn a_count_of_zero_is_taken_as_one() {
        assert_eq!(Rate::per_second(0), Rate::per_second(1));
    }
}
