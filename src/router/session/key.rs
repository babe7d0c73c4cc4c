//! The owner of a session.

use crate::{types::Update, webhook::BotId};

/// The owner of a session. Keys of different bots differ, by their [`BotId`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionKey {
    /// The chat: all of its members share the session. The default.
    #[default]
    Chat,
    /// The user: one session for all chats.
    User,
    /// The user in a chat: a session for each chat that the user writes in.
    UserInChat,
}

impl SessionKey {
    /// The key in a store; `None` for an update that belongs to no chat or user.
    pub(super) fn of(self, bot: Option<BotId>, update: &Update) -> Option<String> {
        let chat = update.chat().map(|chat| chat.id);
        let user = update.from().map(|user| user.id);
        let bot = bot.map_or(0, |bot| bot.0);
        Some(match self {
            Self::Chat => format!("{bot}:c{}", chat?),
            Self::User => format!("{bot}:u{}", user?),
            Self::UserInChat => format!("{bot}:c{}u{}", chat?, user?),
        })
    }
}
