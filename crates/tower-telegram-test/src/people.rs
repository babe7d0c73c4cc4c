//! Putting people and chats into the world, and looking at it.

use serde_json::{Map, Value, json};

use super::{
    Chat, Telegram, User,
    chats::{self, ChatKind, People},
    typed,
};
use tower_telegram_types::types::{self, Message};

impl Telegram {
    /// A person with that first name, who has started the bot. The same name is the same person.
    ///
    /// The user name is the first name in small letters, if that can be one.
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

    /// A person with that id, which must be positive, and first name. One that is there already stays as it is.
    pub fn user_with_id(&self, id: i64, first_name: &str) -> User {
        let mut people = self.people();
        if !people.users.contains_key(&id) {
            people.add_user(id, first_name);
        }
        drop(people);
        User::new(self, id, id)
    }

    /// A group with that title, with the bot as a member. The same title is the same chat.
    pub fn group(&self, title: &str) -> Chat {
        self.chat(ChatKind::Group, title)
    }

    /// A supergroup with that title, with the bot as a member. The same title is the same chat.
    pub fn supergroup(&self, title: &str) -> Chat {
        self.chat(ChatKind::Supergroup, title)
    }

    /// A channel with that title, with the bot as an administrator. The same title is the same chat.
    pub fn channel(&self, title: &str) -> Chat {
        self.chat(ChatKind::Channel, title)
    }

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

    /// The bot, as others see it.
    pub fn bot(&self) -> types::User {
        let bot = self.people().bot.clone();
        let name = bot["username"].as_str().map(Into::into);
        let mut user = types::User::new(self.bot_id(), true, "Test bot");
        user.username = name;
        user
    }

    /// The messages that the bot has sent, in their order and as they are now; without those that are deleted
    /// and without service messages, such as that a message was pinned.
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

    /// All messages that are in a chat, by its id, in their order and as they are now.
    pub fn messages_in(&self, chat_id: i64) -> Vec<Message> {
        let people = self.people();
        let chat = people.chats.get(&chat_id);
        let messages = chat.into_iter().flat_map(|chat| chat.messages.values());
        messages
            .filter_map(|entry| typed::read("a Message", &entry.message).ok())
            .collect()
    }

    pub(super) fn people(&self) -> std::sync::MutexGuard<'_, People> {
        self.inner.state.world.lock()
    }
}

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

impl People {
    fn add_user(&mut self, id: i64, first_name: &str) {
        let mut user =
            json!({"id": id, "is_bot": false, "first_name": first_name, "language_code": "en"});
        let is_name =
            !first_name.is_empty() && first_name.chars().all(|c| c.is_ascii_alphanumeric());
        if is_name {
            user["username"] = first_name.to_ascii_lowercase().into();
        }
        self.users.insert(id, user);
        self.refresh_user(id);
        let bot = chats::new_member("member", &self.bot);
        let bot_id = self.bot_id();
        if let Some(chat) = self.chats.get_mut(&id) {
            chat.members.insert(bot_id, bot);
        }
    }

    /// Takes over what is known of a user into the private chat.
    pub(super) fn refresh_user(&mut self, id: i64) {
        let user = self.user(id);
        let info: Map<_, _> = ["id", "first_name", "last_name", "username"]
            .into_iter()
            .filter(|name| !user[name].is_null())
            .map(|name| (name.to_owned(), user[name].clone()))
            .collect();
        let fresh = chats::ChatState::new(id, ChatKind::Private, info.clone());
        let chat = self.chats.entry(id).or_insert(fresh);
        chat.is_made_up = false;
        chat.set_info(info);
    }

    fn add_chat(&mut self, kind: ChatKind, title: &str) -> i64 {
        let number = self.next_id();
        let id = match kind {
            ChatKind::Private => number,
            ChatKind::Group => -number,
            ChatKind::Supergroup | ChatKind::Channel => -1_001_000_000_000 - number,
        };
        let info = Map::from_iter([("title".to_owned(), title.into())]);
        let mut chat = chats::ChatState::new(id, kind, info);
        let status = if kind == ChatKind::Channel {
            "administrator"
        } else {
            "member"
        };
        chat.members
            .insert(self.bot_id(), chats::new_member(status, &self.bot));
        self.chats.insert(id, chat);
        id
    }

    /// Makes a group a supergroup, as its owner may: the supergroup's id.
    pub(super) fn upgrade(&mut self, group_id: i64) -> Option<i64> {
        let (title, members) = {
            let group = self.chats.get(&group_id)?;
            (group.title().to_owned(), group.members.clone())
        };
        let id = self.add_chat(ChatKind::Supergroup, &title);
        self.chats.get_mut(&id)?.members = members;
        self.chats.get_mut(&group_id)?.migrated_to = Some(id);
        Some(id)
    }
}
