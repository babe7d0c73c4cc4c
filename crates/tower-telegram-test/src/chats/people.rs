//! Users, chats and what else the bot's methods read and change.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::chat_state::ChatState;
use crate::clock::Clock;

#[derive(Debug)]
pub(crate) struct People {
    pub(super) clock: Clock,
    pub(crate) bot: Value,
    /// In groups the bot only sees what is meant for it.
    pub(crate) has_privacy_mode: bool,
    /// No chat is made up.
    pub(super) is_strict: bool,
    /// By id; without those that were made up on the way.
    pub(crate) users: HashMap<i64, Value>,
    pub(crate) chats: HashMap<i64, ChatState>,
    /// The highest of all private chats and groups, which share their numbers.
    pub(super) last_message_id: i64,
    /// How many messages there have been, over all chats.
    pub(super) last_sequence: u64,
    last_id: i64,
    pub(crate) queries: HashMap<String, Query>,
    /// The messages that were sent through the bot's inline mode, by their ids.
    pub(crate) inline: HashMap<String, (i64, i64)>,
    pub(super) settings: HashMap<String, Value>,
    /// As `StarTransaction`, oldest first.
    pub(super) stars: Vec<Value>,
    /// Up to which message each reader has seen a chat.
    pub(super) seen: HashMap<(i64, i64), u64>,
}

/// A query, until it is answered and after.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(super) is_answered: bool,
    /// Until when it can be.
    pub(super) ends_at: Instant,
}

impl People {
    pub(super) fn new(bot: Value, is_strict: bool, has_privacy_mode: bool, clock: Clock) -> Self {
        Self {
            bot,
            clock,
            is_strict,
            has_privacy_mode,
            users: HashMap::new(),
            chats: HashMap::new(),
            last_message_id: 0,
            last_sequence: 0,
            last_id: 100,
            queries: HashMap::new(),
            inline: HashMap::new(),
            settings: HashMap::new(),
            stars: Vec::new(),
            seen: HashMap::new(),
        }
    }

    /// Whether ids must be known. Tests without people make theirs up.
    pub(super) fn is_strict(&self) -> bool {
        self.is_strict || !self.users.is_empty()
    }

    /// A number that nothing else has.
    pub(crate) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn bot_id(&self) -> i64 {
        self.bot["id"].as_i64().unwrap_or_default()
    }

    /// A user who is known, the bot, or one that is made up.
    pub(crate) fn user(&self, id: i64) -> Value {
        if id == self.bot_id() {
            return self.bot.clone();
        }
        let known = self.users.get(&id).cloned();
        known.unwrap_or_else(|| json!({"id": id, "is_bot": false, "first_name": "Ada"}))
    }
}
