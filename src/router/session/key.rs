//! The owner of a session.

use crate::{types::Update, webhook::BotId};

/// The owner of a session. Keys of different bots differ, by their [`BotId`].
///
/// A customer's chat with a [business account](https://core.telegram.org/bots/api#businessconnection) has the number
/// of the customer's own chat with the bot. Each connection to an account has sessions of its own, and so have the
/// chats of [guest messages](https://core.telegram.org/bots/api#message). A pressed button under a message that the
/// bot can't see any more counts for the bot's own chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionKey {
    /// The chat: all of its members share the session, also over its topics. The default.
    #[default]
    Chat,
    /// The user: one session for all chats, also those with business accounts.
    User,
    /// The user in a chat: a session for each chat that the user writes in.
    UserInChat,
}

impl SessionKey {
    /// The key in a store; `None` for an update that belongs to no chat or user.
    pub(super) fn of(self, bot: Option<BotId>, update: &Update) -> Option<String> {
        let chat = chat_key(update);
        let user = update.from().map(|user| user.id);
        let bot = bot.map_or(0, |bot| bot.0);
        Some(match self {
            Self::Chat => format!("{bot}:{}", chat?),
            Self::User => format!("{bot}:u{}", user?),
            // The user's number ends it, because a connection's name may have any letters.
            Self::UserInChat => format!("{bot}:{}u{}", chat?, user?),
        })
    }
}

/// `c5` for the bot's own chat, `c5bA` for the same customer's chat with the business account of the connection A,
/// and `c5g` for a guest message.
fn chat_key(update: &Update) -> Option<String> {
    let chat = update.chat()?.id;
    let message = update.any_message();
    if message.is_some_and(|message| message.guest_query_id.is_some()) {
        return Some(format!("c{chat}g"));
    }
    Some(match update.business_connection_id() {
        Some(connection) => format!("c{chat}b{connection}"),
        None => format!("c{chat}"),
    })
}
