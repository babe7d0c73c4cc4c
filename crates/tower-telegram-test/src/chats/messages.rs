//! How messages are added to a chat and found in it.

use serde_json::{Map, Value, json};

use super::{
    chat_state::{ChatKind, ChatState},
    message_entry::MessageEntry,
    people::People,
};

impl People {
    /// Adds a message of the bot or a user to an existing chat, and returns it.
    pub(crate) fn post(
        &mut self,
        chat_id: i64,
        from: &Value,
        content: Map<String, Value>,
    ) -> Value {
        let is_bots = from["id"] == self.bot["id"];
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        let chat = self
            .chats
            .entry(chat_id)
            .or_insert_with(|| ChatState::made_up(&json!({"id": chat_id})));
        let counter = if chat.has_own_numbers() {
            &mut chat.last_message_id
        } else {
            &mut self.last_message_id
        };
        *counter += 1;
        let id = *counter;
        let mut message = Map::new();
        message.insert("message_id".to_owned(), id.into());
        if chat.kind == ChatKind::Channel {
            message.insert("sender_chat".to_owned(), chat.value());
        } else {
            message.insert("from".to_owned(), from.clone());
        }
        message.insert("chat".to_owned(), chat.value());
        message.insert("date".to_owned(), self.clock.unix().into());
        message.extend(content);
        let message = Value::Object(message);
        chat.keep(id, MessageEntry::new(message.clone(), sequence, is_bots));
        message
    }

    /// A message by its chat and number.
    pub(crate) fn entry(&self, chat_id: i64, message_id: i64) -> Option<&MessageEntry> {
        self.chats.get(&chat_id)?.messages.get(&message_id)
    }

    /// A message by its chat and number, to change it.
    pub(crate) fn entry_mut(&mut self, chat_id: i64, message_id: i64) -> Option<&mut MessageEntry> {
        self.chats.get_mut(&chat_id)?.messages.get_mut(&message_id)
    }

    /// A message as it appears in a reply to it: without the message that it replies to.
    pub(crate) fn quoted(&self, chat_id: i64, message_id: i64) -> Option<Value> {
        let mut message = self.entry(chat_id, message_id)?.message.clone();
        if let Some(message) = message.as_object_mut() {
            message.remove("reply_to_message");
        }
        Some(message)
    }

    /// The bot's next message in a chat that the reader hasn't got yet.
    pub(crate) fn next_message(&mut self, reader: i64, chat_id: i64) -> Option<Value> {
        let seen = self.seen.entry((reader, chat_id)).or_default();
        let chat = self.chats.get(&chat_id)?;
        let unseen = chat
            .messages
            .values()
            .filter(|entry| entry.is_bots && entry.sequence > *seen);
        let next = unseen.min_by_key(|entry| entry.sequence)?;
        *seen = next.sequence;
        Some(next.message.clone())
    }

    /// All messages in the order in which they were sent.
    pub(crate) fn all_messages(&self) -> Vec<&MessageEntry> {
        let chats = self.chats.values();
        let mut all: Vec<_> = chats.flat_map(|chat| chat.messages.values()).collect();
        all.sort_by_key(|entry| entry.sequence);
        all
    }
}
