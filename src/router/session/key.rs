//! Whose session it is.

use crate::{types::Update, webhook::BotId};

/// Whose a session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionKey {
    /// A chat's, whoever writes there. The default.
    #[default]
    Chat,
    /// A user's, wherever they write.
    User,
    /// A user's in a chat.
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
