//! A user's membership in chats, and the bot's: joining, leaving, blocking, adding, removing and promoting.

use serde_json::{Map, Value, json};

use super::person::User;
use super::{
    chat::Chat,
    delivered::{Delivered, not_possible},
};
use crate::{
    chats::{self, ChatKind},
    clock::unix_now,
    error::Error,
};

impl User {
    /// Joins a chat. The bot is notified with a message, except in channels; as an administrator also with
    /// `chat_member`, if it asks for that type.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NotPossible`] if the user is banned or a member
    /// already.
    pub async fn joins(&self, chat: &Chat) -> Result<Delivered, Error> {
        let user = self.value();
        match self.status_in(chat).as_str() {
            "left" => {}
            status => {
                return Err(not_possible(
                    "joining",
                    format!("the person is {status} there"),
                ));
            }
        }
        let service = json!({"new_chat_members": [user]});
        self.changes(chat, "member", &service).await
    }

    /// Leaves a chat. The bot is notified like in [`joins`](Self::joins).
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NotPossible`] if the user isn't a member.
    pub async fn leaves(&self, chat: &Chat) -> Result<Delivered, Error> {
        let status = self.status_in(chat);
        if status == "left" || status == "kicked" {
            return Err(not_possible(
                "leaving",
                format!("the person is {status} there"),
            ));
        }
        let service = json!({"left_chat_member": self.value()});
        self.changes(chat, "left", &service).await
    }

    /// Requests to join a chat. The bot is notified as an administrator, and decides with
    /// `approveChatJoinRequest` and `declineChatJoinRequest`.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NotPossible`] if the user is banned or a member
    /// already.
    pub async fn asks_to_join(&self, chat: &Chat) -> Result<Delivered, Error> {
        let status = self.status_in(chat);
        if status != "left" {
            return Err(not_possible(
                "request",
                format!("the person is {status} there"),
            ));
        }
        let user = self.value();
        let request = self.request(chat, &user)?;
        self.telegram.notify_bot("chat_join_request", request).await
    }

    /// Adds a request to join. Returns the update about it.
    fn request(&self, chat: &Chat, user: &Value) -> Result<Value, Error> {
        let mut people = self.telegram.people();
        let bot_id = people.bot_id();
        let Some(known) = people.chats.get_mut(&chat.id()) else {
            return Err(not_possible("request", "there is no such chat"));
        };
        if known.status(bot_id) != "administrator" {
            let why = "it is not an administrator of the chat";
            return Err(super::delivered::not_notified("chat_join_request", why));
        }
        known.requests.retain(|id| *id != self.id);
        known.requests.push(self.id);
        Ok(json!({
            "chat": known.value(), "from": user, "user_chat_id": self.id, "date": unix_now(),
        }))
    }

    /// Blocks the bot. All further calls of the bot that send to the user are refused.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn blocks_bot(&self) -> Result<Delivered, Error> {
        self.changes_bot(self.id, "kicked").await
    }

    /// Unblocks the bot.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn unblocks_bot(&self) -> Result<Delivered, Error> {
        self.changes_bot(self.id, "member").await
    }

    /// Deletes the user's account. All further calls of the bot that send to the user are refused. Telegram
    /// doesn't notify the bot.
    pub fn deletes_account(&self) {
        if let Some(chat) = self.telegram.people().chats.get_mut(&self.id) {
            chat.is_deactivated = true;
        }
    }

    /// Adds the bot to a chat: as a member, in channels as an administrator.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn adds_bot(&self, chat: &Chat) -> Result<Delivered, Error> {
        let kind = self
            .telegram
            .people()
            .chats
            .get(&chat.id())
            .map(|chat| chat.kind);
        let is_channel = kind == Some(ChatKind::Channel);
        let status = if is_channel {
            "administrator"
        } else {
            "member"
        };
        self.changes_bot(chat.id(), status).await
    }

    /// Removes the bot from a chat.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn removes_bot(&self, chat: &Chat) -> Result<Delivered, Error> {
        self.changes_bot(chat.id(), "kicked").await
    }

    /// Makes the bot an administrator with all rights.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn promotes_bot(&self, chat: &Chat) -> Result<Delivered, Error> {
        self.changes_bot(chat.id(), "administrator").await
    }

    /// Upgrades a group to a supergroup with another ID, and returns the supergroup. All further calls to
    /// the group are refused with `migrate_to_chat_id`. The bot is notified in both chats.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NotPossible`] if it isn't a group.
    pub async fn upgrades(&self, group: &Chat) -> Result<Chat, Error> {
        let (left, arrived, id) = {
            let mut people = self.telegram.people();
            let known = people.chats.get(&group.id());
            if known.is_none_or(|chat| chat.kind != ChatKind::Group || chat.migrated_to.is_some()) {
                return Err(not_possible("upgrade", "it is not a group"));
            }
            let user = people.user(self.id);
            let Some(id) = people.upgrade(group.id()) else {
                return Err(not_possible("upgrade", "there is no such chat"));
            };
            let to = Map::from_iter([("migrate_to_chat_id".to_owned(), id.into())]);
            let from = Map::from_iter([("migrate_from_chat_id".to_owned(), group.id().into())]);
            let left = people.post(group.id(), &user, to);
            (left, people.post(id, &user, from), id)
        };
        let updates = vec![("message", left), ("message", arrived)];
        self.telegram.notify_bot_of_all(updates).await?;
        Ok(Chat::new(&self.telegram, id))
    }

    /// The user's status in a chat.
    fn status_in(&self, chat: &Chat) -> String {
        let people = self.telegram.people();
        let chat = people.chats.get(&chat.id());
        chat.map_or("left", |chat| chat.status(self.id)).to_owned()
    }

    /// Changes the user's status, and notifies the bot with the message and the update about it.
    async fn changes(
        &self,
        chat: &Chat,
        status: &str,
        service: &Value,
    ) -> Result<Delivered, Error> {
        let mut updates = Vec::new();
        {
            let mut people = self.telegram.people();
            let user = people.user(self.id);
            let member = chats::new_member(status, &user);
            let update = people.change_member(chat.id(), self.id, &member, &user);
            let bot_id = people.bot_id();
            let Some(known) = people.chats.get(&chat.id()) else {
                return Err(not_possible("change", "there is no such chat"));
            };
            let bot = known.members.get(&bot_id);
            if !bot.is_some_and(chats::is_in) {
                let why = "the bot is not in the chat";
                return Err(super::delivered::not_notified("change", why));
            }
            let is_administrator = known.status(bot_id) == "administrator";
            if known.kind != ChatKind::Channel {
                let service = service.as_object().cloned().unwrap_or_default();
                updates.push(("message", people.post(chat.id(), &user, service)));
            }
            if is_administrator {
                updates.push(("chat_member", update));
            }
        }
        self.telegram.notify_bot_of_all(updates).await
    }

    /// Changes the bot's status, and notifies the bot.
    async fn changes_bot(&self, chat_id: i64, status: &str) -> Result<Delivered, Error> {
        let update = {
            let mut people = self.telegram.people();
            let (user, bot_id) = (people.user(self.id), people.bot_id());
            let member = chats::new_member(status, &people.bot);
            people.change_member(chat_id, bot_id, &member, &user)
        };
        self.telegram.notify_bot("my_chat_member", update).await
    }
}
