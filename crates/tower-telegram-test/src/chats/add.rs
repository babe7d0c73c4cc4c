//! How users and chats are added to a test.

use serde_json::{Map, json};

use super::{
    chat_state::{ChatKind, ChatState},
    member,
    people::People,
};

impl People {
    /// Adds a user who has started the bot, unless there is one with that ID.
    pub(crate) fn add_user(&mut self, id: i64, first_name: &str) {
        let mut user =
            json!({"id": id, "is_bot": false, "first_name": first_name, "language_code": "en"});
        let is_name =
            !first_name.is_empty() && first_name.chars().all(|c| c.is_ascii_alphanumeric());
        if is_name {
            user["username"] = first_name.to_ascii_lowercase().into();
        }
        self.users.insert(id, user);
        self.refresh_user(id);
        let bot = member::new("member", &self.bot);
        let bot_id = self.bot_id();
        if let Some(chat) = self.chats.get_mut(&id) {
            chat.members.insert(bot_id, bot);
        }
    }

    /// Copies a user's present name and settings into the private chat.
    pub(crate) fn refresh_user(&mut self, id: i64) {
        let user = self.user(id);
        let info: Map<_, _> = ["id", "first_name", "last_name", "username"]
            .into_iter()
            .filter(|name| !user[name].is_null())
            .map(|name| (name.to_owned(), user[name].clone()))
            .collect();
        let fresh = ChatState::new(id, ChatKind::Private, info.clone());
        let chat = self.chats.entry(id).or_insert(fresh);
        chat.is_made_up = false;
        chat.set_info(info);
    }

    /// Adds a group, a supergroup or a channel, or finds the one with that title. Returns its ID.
    pub(crate) fn add_chat(&mut self, kind: ChatKind, title: &str) -> i64 {
        let number = self.next_id();
        let id = match kind {
            ChatKind::Private => number,
            ChatKind::Group => -number,
            ChatKind::Supergroup | ChatKind::Channel => -1_001_000_000_000 - number,
        };
        let info = Map::from_iter([("title".to_owned(), title.into())]);
        let mut chat = ChatState::new(id, kind, info);
        let status = if kind == ChatKind::Channel {
            "administrator"
        } else {
            "member"
        };
        chat.members
            .insert(self.bot_id(), member::new(status, &self.bot));
        self.chats.insert(id, chat);
        id
    }

    /// Upgrades a group to a supergroup, like its owner can. Returns the supergroup's ID.
    pub(crate) fn upgrade(&mut self, group_id: i64) -> Option<i64> {
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
