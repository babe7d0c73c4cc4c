//! The chat and the topic in which a user acts.

use super::chat::Chat;
use super::person::User;
use crate::chats::{self, ChatKind};

impl User {
    /// The same user in a group or a channel, for the actions that follow. A user who has no status there
    /// becomes a member, without notifying the bot. A user who was banned or has left stays out.
    pub fn in_chat(&self, chat: &Chat) -> Self {
        let mut people = self.telegram.people();
        let user = people.user(self.id);
        if let Some(chat) = people.chats.get_mut(&chat.id()) {
            let status = if chat.kind == ChatKind::Channel {
                "administrator"
            } else {
                "member"
            };
            let member = || chats::new_member(status, &user);
            chat.members.entry(self.id).or_insert_with(member);
        }
        drop(people);
        Self::new(&self.telegram, self.id, chat.id())
    }

    /// The same user in a topic of the forum in which the user acts, by its `message_thread_id`. Messages
    /// are sent to that topic; waits are for the messages of all topics.
    pub fn in_topic(&self, message_thread_id: i64) -> Self {
        Self {
            thread: Some(message_thread_id),
            ..self.clone()
        }
    }
}
