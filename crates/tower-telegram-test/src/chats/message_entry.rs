//! A message, with the parts of it that the bot can't see.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A message as the bot sees it, and its hidden parts.
#[derive(Clone, Debug)]
pub(crate) struct MessageEntry {
    pub(crate) message: Value,
    /// The position among all messages of all chats; 0 if it came with an update that a test made up.
    pub(crate) sequence: u64,
    /// Whether the bot has sent it.
    pub(crate) is_bots: bool,
    /// The reactions of each user, as lists of `ReactionType`.
    pub(crate) reactions: BTreeMap<i64, Value>,
    /// The votes of each user, if the message has a poll.
    pub(crate) votes: BTreeMap<i64, Vec<usize>>,
    /// The hidden part of an invoice: its payload, and whether it needs shipping.
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

    /// A message from an update that a test made up.
    pub(super) fn observed(message: Value, is_bots: bool) -> Self {
        Self::new(message, 0, is_bots)
    }
}

/// The fields that aren't content, and aren't copied with a message.
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

/// The content of a message, without its sender, date and chat.
pub(crate) fn content_of(message: &Value) -> Map<String, Value> {
    let fields = message.as_object().into_iter().flatten();
    fields
        .filter(|(name, _)| !FRAME.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
