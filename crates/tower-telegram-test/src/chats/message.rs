//! Messages in their chats.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{ChatKind, ChatState, People};

/// A message as the bot sees it, and what it doesn't see.
#[derive(Clone, Debug)]
pub(crate) struct MessageEntry {
    pub(crate) message: Value,
    /// Its place among all messages of all chats; 0 if it came with an update that a test made up.
    pub(crate) sequence: u64,
    pub(crate) is_bots: bool,
    /// Each user's, as lists of `ReactionType`.
    pub(crate) reactions: BTreeMap<i64, Value>,
    /// What each user has voted for, if there is a poll in it.
    pub(crate) votes: BTreeMap<i64, Vec<usize>>,
    /// What an invoice doesn't tell: its payload, and whether it is to be shipped.
    pub(crate) invoice: Option<Value>,
}

impl MessageEntry {
    pub(super) fn new(message: Value, sequence: u64, is_bots: bool) -> Self {
        Self {
            message,
            sequence,
            is_bots,
            reactions: BTreeMap::new(),
            votes: BTreeMap::new(),
            invoice: None,
        }
    }

    /// A message that nobody has sent here.
    pub(super) fn observed(message: Value, is_bots: bool) -> Self {
        Self::new(message, 0, is_bots)
    }
}

/// What isn't content: it stays behind when a message is copied.
const FRAME: [&str; 22] = [
    "message_id",
    "message_thread_id",
    "from",
    "sender_chat",
    "date",
    "chat",
    "forward_origin",
    "is_topic_message",
    "reply_to_message",
    "external_reply",
    "quote",
    "via_bot",
    "edit_date",
    "has_protected_content",
    "media_group_id",
    "author_signature",
    "business_connection_id",
    "effect_id",
    "reply_markup",
    "sender_tag",
    "sender_boost_count",
    "is_automatic_forward",
];

/// What is in a message, without who sent it, when, and where.
pub(crate) fn content_of(message: &Value) -> Map<String, Value> {
    let fields = message.as_object().into_iter().flatten();
    fields
        .filter(|(name, _)| !FRAME.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl People {
    /// Puts a message into a chat that exists, from the bot or from another: the message.
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

    pub(crate) fn entry(&self, chat_id: i64, message_id: i64) -> Option<&MessageEntry> {
        self.chats.get(&chat_id)?.messages.get(&message_id)
    }

    pub(crate) fn entry_mut(&mut self, chat_id: i64, message_id: i64) -> Option<&mut MessageEntry> {
        self.chats.get_mut(&chat_id)?.messages.get_mut(&message_id)
    }

    /// A message as it stands in another that answers it: without the one that it answers.
    pub(crate) fn quoted(&self, chat_id: i64, message_id: i64) -> Option<Value> {
        let mut message = self.entry(chat_id, message_id)?.message.clone();
        if let Some(message) = message.as_object_mut() {
            message.remove("reply_to_message");
        }
        Some(message)
    }

    /// The bot's next message in a chat that a reader hasn't been given yet.
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
