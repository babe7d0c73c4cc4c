//! The scopes of command menus, from wide to narrow.

use crate::types::{BotCommandScope as Scope, BotCommandScopeChatAdministrators, ChatId};

/// Whether all users who see the menu of a scope are users of the command's scope. The menu of `None` is the default one.
pub(super) fn covers(command: &Scope, menu: Option<&Scope>) -> bool {
    let Some(menu) = menu else {
        return matches!(command, Scope::Default(_));
    };
    if command == menu {
        return true;
    }
    match command {
        Scope::Default(_) => true,
        Scope::AllPrivateChats(_) => is_private(menu),
        Scope::AllGroupChats(_) => is_of_groups(menu),
        Scope::AllChatAdministrators(_) => matches!(menu, Scope::ChatAdministrators(_)),
        Scope::Chat(chat) => match menu {
            Scope::ChatAdministrators(of) => of.chat_id == chat.chat_id,
            Scope::ChatMember(of) => of.chat_id == chat.chat_id,
            _ => false,
        },
        // A member of the chat may not be an administrator.
        _ => false,
    }
}

/// The scope of a group's administrators, beside that of its members.
pub(super) fn administrators_of(scope: &Scope) -> Option<Scope> {
    match scope {
        Scope::Chat(chat) if is_group(&chat.chat_id) => {
            let chat = chat.chat_id.clone();
            Some(BotCommandScopeChatAdministrators::new(chat).into())
        }
        _ => None,
    }
}

fn is_private(scope: &Scope) -> bool {
    matches!(scope, Scope::Chat(chat) if !is_group(&chat.chat_id))
}

fn is_of_groups(scope: &Scope) -> bool {
    match scope {
        Scope::AllChatAdministrators(_) | Scope::ChatAdministrators(_) | Scope::ChatMember(_) => {
            true
        }
        Scope::Chat(chat) => is_group(&chat.chat_id),
        _ => false,
    }
}

/// In a scope, a public name is a group's; the ids of users are positive.
fn is_group(chat: &ChatId) -> bool {
    !matches!(chat, ChatId::Id(1..))
}
