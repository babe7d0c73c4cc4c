//! The chat of a call, with checks of the bot's membership and rights.

use serde_json::{Value, json};

use super::{
    chat_state::{ChatKind, ChatState, SUPERGROUPS},
    member::Rights,
    method_call::{MethodCall, bad, forbidden},
    people::People,
};
use crate::bot_api::answer::Answer;

/// How many chats are made up before the oldest is dropped.
const MAX_MADE_UP: usize = 10_000;

impl ChatState {
    /// The error if the bot isn't in the chat.
    fn shut(&self, bot_id: i64) -> Option<Answer> {
        if let Some(id) = self.migrated_to {
            let text = "group chat was upgraded to a supergroup chat";
            return Some(bad(text).migrate_to_chat_id(id));
        }
        if self.is_deactivated {
            return Some(forbidden("user is deactivated"));
        }
        if self.is_made_up {
            return None;
        }
        let noun = self.kind.noun();
        match (self.kind, self.status(bot_id)) {
            (ChatKind::Private, "kicked") => Some(forbidden("bot was blocked by the user")),
            (ChatKind::Private, "left") => {
                Some(forbidden("bot can't initiate conversation with a user"))
            }
            (_, "kicked") => Some(forbidden(&format!("bot was kicked from the {noun}"))),
            (_, "left") => Some(forbidden(&format!("bot is not a member of the {noun}"))),
            _ => None,
        }
    }
}

impl People {
    /// The chat in `chat_id`.
    pub(super) fn chat(&mut self, r: &MethodCall<'_>) -> Result<i64, Answer> {
        self.chat_in(r, "chat_id")
    }

    /// The chat in `chat_id`, if the bot is in it.
    pub(super) fn open(&mut self, r: &MethodCall<'_>) -> Result<i64, Answer> {
        let id = self.chat(r)?;
        let shut = self.chats[&id].shut(self.bot_id());
        shut.map_or(Ok(id), Err)
    }

    /// The chat in `chat_id`, if the bot may write into it.
    pub(super) fn writable(&mut self, r: &MethodCall<'_>) -> Result<i64, Answer> {
        let id = self.open(r)?;
        let (chat, bot_id) = (&self.chats[&id], self.bot_id());
        if chat.kind == ChatKind::Channel && !chat.allows(bot_id, Rights::POST) {
            return Err(bad("need administrator rights in the channel chat"));
        }
        let is_open = chat.is_made_up || chat.kind == ChatKind::Private;
        if !is_open && !chat.may_write(bot_id) {
            return Err(bad("not enough rights to send text messages to the chat"));
        }
        Ok(id)
    }

    /// The chat in an argument, which is made up if it is unknown and the test allows it.
    pub(super) fn chat_in(&mut self, r: &MethodCall<'_>, name: &str) -> Result<i64, Answer> {
        let given = r.get(name);
        let id = match given.map(|given| (given.as_i64(), given.as_str())) {
            Some((Some(id), _)) => id,
            Some((_, Some(text))) => self.named(text)?,
            _ => return Err(bad(&format!("{name} is empty"))),
        };
        if !self.chats.contains_key(&id) {
            if id == 0 || self.is_strict {
                return Err(bad("chat not found"));
            }
            self.forget_made_up();
            self.chats.insert(id, ChatState::numbered(id));
        }
        Ok(id)
    }

    /// The chat with a public name.
    fn named(&mut self, text: &str) -> Result<i64, Answer> {
        let not_found = || bad("chat not found");
        let name = text.strip_prefix('@').ok_or_else(not_found)?;
        let known = self.chats.values().find(|chat| {
            let user_name = chat.info.get("username").and_then(Value::as_str);
            chat.kind != ChatKind::Private
                && user_name.is_some_and(|known| known.eq_ignore_ascii_case(name))
        });
        if let Some(chat) = known {
            return Ok(chat.id);
        }
        if name.is_empty() || self.is_strict() {
            return Err(not_found());
        }
        let id = channel_id(name);
        let chat = json!({"id": id, "type": "channel", "title": name, "username": name});
        self.chats.insert(id, ChatState::made_up(&chat));
        Ok(id)
    }

    /// Drops made-up chats, so that a test with a million chats doesn't keep them all.
    pub(super) fn forget_made_up(&mut self) {
        if self.chats.len() > MAX_MADE_UP {
            self.chats.retain(|_, chat| !chat.is_made_up);
        }
    }
}

/// An ID in the range of channels that depends only on the name, by FNV-1a.
fn channel_id(name: &str) -> i64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    });
    SUPERGROUPS - i64::from(u32::try_from(hash >> 32).unwrap_or(0) | 1)
}
