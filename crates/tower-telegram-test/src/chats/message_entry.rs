//! A message and what the bot does not see of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

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

    /// A message out of an update that a test made up.
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
