//! All users and chats of a test, with the bot's queries, settings and Stars.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::chat_state::ChatState;
use crate::clock::Clock;

/// The whole state behind the Bot API's methods.
#[derive(Debug)]
pub(crate) struct People {
    pub(super) clock: Clock,
    pub(crate) bot: Value,
    /// Whether the bot gets only messages for it in groups.
    pub(crate) has_privacy_mode: bool,
    /// Whether unknown chats are refused instead of made up.
    pub(super) is_strict: bool,
    /// The users by their IDs, without made-up ones.
    pub(crate) users: HashMap<i64, Value>,
    pub(crate) chats: HashMap<i64, ChatState>,
    /// The highest message number of all private chats and groups, which share their numbers.
    pub(super) last_message_id: i64,
    /// How many messages there have been in all chats.
    pub(super) last_sequence: u64,
    last_id: i64,
    pub(crate) queries: HashMap<String, Query>,
    /// The messages that were sent through the bot's inline mode, by their IDs.
    pub(crate) inline: HashMap<String, (i64, i64)>,
    pub(super) settings: HashMap<String, Value>,
    /// The bot's transactions as `StarTransaction`, oldest first.
    pub(super) stars: Vec<Value>,
    /// The last message of each chat that each reader has got.
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

    /// Whether IDs must be known. A test without users makes its IDs up.
    pub(super) fn is_strict(&self) -> bool {
        self.is_strict || !self.users.is_empty()
    }

    /// A number that no other object has.
    pub(crate) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn bot_id(&self) -> i64 {
        self.bot["id"].as_i64().unwrap_or_default()
    }

    /// The user with that ID: a known one, the bot, or a made-up one.
    pub(crate) fn user(&self, id: i64) -> Value {
        if id == self.bot_id() {
            return self.bot.clone();
        }
        let known = self.users.get(&id).cloned();
        known.unwrap_or_else(|| json!({"id": id, "is_bot": false, "first_name": "Ada"}))
    }
}
