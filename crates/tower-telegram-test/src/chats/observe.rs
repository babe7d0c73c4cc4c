//! Messages and queries in updates that a test made up.

use serde_json::{Map, Value};
use tower_telegram_types::types::Message;

use super::{chat_state::ChatState, message_entry::MessageEntry, people::People};
use crate::bot_api::typed;

impl People {
    /// Remembers the messages and queries of an update, so that the bot's calls find them.
    pub(super) fn observe(&mut self, update: &Map<String, Value>) {
        for (kind, payload) in update {
            if kind.ends_with("_query")
                && let Some(id) = payload["id"].as_str()
            {
                self.remember_query(kind, id.to_owned());
            }
            for message in [payload, &payload["message"]] {
                self.observe_message(message);
            }
        }
    }

    /// Remembers a message with its chat and its sender.
    fn observe_message(&mut self, message: &Value) {
        let id = message["message_id"].as_i64();
        let Some(id) = id.filter(|id| *id < i64::from(i32::MAX)) else {
            return;
        };
        let chat = &message["chat"];
        let Some(chat_id) = chat["id"].as_i64() else {
            self.last_message_id = self.last_message_id.max(id);
            return;
        };
        self.forget_made_up();
        let made_up = self
            .chats
            .entry(chat_id)
            .or_insert_with(|| ChatState::made_up(chat));
        if made_up.has_own_numbers() {
            made_up.last_message_id = made_up.last_message_id.max(id);
        } else {
            self.last_message_id = self.last_message_id.max(id);
        }
        let is_whole = || typed::read::<Message>("a Message", message).is_ok();
        if !made_up.messages.contains_key(&id) && is_whole() {
            let is_bots = message["from"]["id"].as_i64() == self.bot["id"].as_i64();
            made_up.keep(id, MessageEntry::observed(message.clone(), is_bots));
        }
    }
}
