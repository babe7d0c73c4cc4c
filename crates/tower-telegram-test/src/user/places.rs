//! The chat and the topic in which a person acts.

use super::person::User;
use crate::{
    chat::Chat,
    chats::{self, ChatKind},
};

impl User {
    /// The same person in a group or a channel, where what follows is done. Who wasn't in it is from then on,
    /// without the bot being notified; who was banned or has left stays out.
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

    /// The same person in a topic of the forum in which the person acts, by its `message_thread_id`: what
    /// is sent goes there. Waits are for the messages of all topics.
    pub fn in_topic(&self, message_thread_id: i64) -> Self {
        Self {
            thread: Some(message_thread_id),
            ..self.clone()
        }
    }
}
