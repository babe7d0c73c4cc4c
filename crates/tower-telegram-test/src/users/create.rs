//! The users, groups and channels that a test creates, and the messages in them.

use serde_json::Value;

use super::{chat::Chat, person::User};
use crate::{
    bot_api::typed,
    chats::{self, ChatKind, People},
    telegram::Telegram,
};
use tower_telegram_types::types::{self, Message};

impl Telegram {
    /// A user with that first name who has started the bot. Another call with the same name returns the
    /// same user.
    ///
    /// The user name is the first name in lower case, if that is a valid one.
    pub fn user(&self, first_name: &str) -> User {
        let mut people = self.people();
        let known = people
            .users
            .iter()
            .find(|(_, user)| user["first_name"] == first_name);
        let id = match known {
            Some((id, _)) => *id,
            None => people.next_id(),
        };
        drop(people);
        self.user_with_id(id, first_name)
    }

    /// A user with that ID, which must be positive, and first name. An existing user with the ID isn't
    /// changed.
    pub fn user_with_id(&self, id: i64, first_name: &str) -> User {
        let mut people = self.people();
        if !people.users.contains_key(&id) {
            people.add_user(id, first_name);
        }
        drop(people);
        User::new(self, id, id)
    }

    /// A group with that title, with the bot as a member. Another call with the same title returns the same
    /// chat.
    pub fn group(&self, title: &str) -> Chat {
        self.chat(ChatKind::Group, title)
    }

    /// A supergroup with that title, with the bot as a member. Another call with the same title returns the
    /// same chat.
    pub fn supergroup(&self, title: &str) -> Chat {
        self.chat(ChatKind::Supergroup, title)
    }

    /// A channel with that title, with the bot as an administrator. Another call with the same title
    /// returns the same chat.
    pub fn channel(&self, title: &str) -> Chat {
        self.chat(ChatKind::Channel, title)
    }

    /// A chat of that kind with the bot in it.
    fn chat(&self, kind: ChatKind, title: &str) -> Chat {
        let mut people = self.people();
        let mut chats = people.chats.values();
        let known =
            chats.find(|chat| !chat.is_made_up && chat.kind == kind && chat.title() == title);
        let id = match known {
            Some(chat) => chat.id,
            None => people.add_chat(kind, title),
        };
        drop(people);
        Chat::new(self, id)
    }

    /// The bot's user, as other users see it.
    pub fn bot(&self) -> types::User {
        let bot = self.people().bot.clone();
        let name = bot["username"].as_str().map(Into::into);
        let mut user = types::User::new(self.bot_id(), true, "Test bot");
        user.username = name;
        user
    }

    /// The messages that the bot has sent, in their present state, oldest first; without deleted ones and
    /// service messages, such as the one about a pinned message.
    pub fn sent_messages(&self) -> Vec<Message> {
        let people = self.people();
        let all = people.all_messages().into_iter();
        let is_sent = |entry: &&chats::MessageEntry| entry.is_bots && entry.sequence > 0;
        let sent = all
            .filter(is_sent)
            .filter(|entry| !is_service(&entry.message));
        sent.filter_map(|entry| typed::read("a Message", &entry.message).ok())
            .collect()
    }

    /// All messages of a chat, by its ID, in their present state, oldest first.
    pub fn messages_in(&self, chat_id: i64) -> Vec<Message> {
        let people = self.people();
        let chat = people.chats.get(&chat_id);
        let messages = chat.into_iter().flat_map(|chat| chat.messages.values());
        messages
            .filter_map(|entry| typed::read("a Message", &entry.message).ok())
            .collect()
    }

    pub(crate) fn people(&self) -> std::sync::MutexGuard<'_, People> {
        self.inner.state.chats.lock()
    }
}

/// Whether a message reports an event, and wasn't written.
fn is_service(message: &Value) -> bool {
    [
        "pinned_message",
        "new_chat_title",
        "new_chat_photo",
        "delete_chat_photo",
        "forum_topic_created",
        "forum_topic_edited",
        "forum_topic_closed",
        "forum_topic_reopened",
        "general_forum_topic_hidden",
        "general_forum_topic_unhidden",
        "refunded_payment",
    ]
    .iter()
    .any(|name| !message[name].is_null())
}
