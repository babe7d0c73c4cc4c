//! Chats, and which of them a call is about.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    MessageEntry, People,
    member::{self, Rights},
    request::{MethodCall, bad, forbidden},
    topics::Topic,
};
use crate::answer::Answer;

const MAX_MESSAGES: usize = 10_000;
const MAX_MADE_UP: usize = 10_000;
/// Ids of supergroups and channels are below it.
const SUPERGROUPS: i64 = -1_000_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatKind {
    Private,
    Group,
    Supergroup,
    Channel,
}

impl ChatKind {
    /// As in `Chat`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Group => "group",
            Self::Supergroup => "supergroup",
            Self::Channel => "channel",
        }
    }

    /// As the server's errors call it.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Private => "private chat",
            Self::Group => "group chat",
            Self::Supergroup => "supergroup chat",
            Self::Channel => "channel chat",
        }
    }
}

#[derive(Debug)]
pub(crate) struct ChatState {
    pub(crate) id: i64,
    pub(crate) kind: ChatKind,
    /// It came with a call or an update and not by the test's wish: nothing about it is known for sure.
    pub(crate) is_made_up: bool,
    /// The `Chat` object.
    pub(super) info: Map<String, Value>,
    /// What only `getChat` tells.
    pub(super) details: Map<String, Value>,
    /// Each as `ChatMember`, by the user's id.
    pub(crate) members: BTreeMap<i64, Value>,
    pub(crate) messages: BTreeMap<i64, MessageEntry>,
    /// By their numbers.
    pub(super) topics: BTreeMap<i64, Topic>,
    pub(super) last_message_id: i64,
    /// The one pinned last comes last.
    pub(super) pinned: Vec<i64>,
    pub(crate) links: Vec<Value>,
    /// Who asks to join.
    pub(crate) requests: Vec<i64>,
    pub(crate) migrated_to: Option<i64>,
    /// The custom keyboard that the bot has shown last.
    pub(crate) keyboard: Option<Value>,
    /// Its person has deleted the account.
    pub(crate) is_deactivated: bool,
}

impl ChatState {
    pub(crate) fn new(id: i64, kind: ChatKind, mut info: Map<String, Value>) -> Self {
        info.insert("id".to_owned(), id.into());
        info.insert("type".to_owned(), kind.name().into());
        Self {
            id,
            kind,
            is_made_up: false,
            info,
            details: Map::new(),
            members: BTreeMap::new(),
            messages: BTreeMap::new(),
            topics: BTreeMap::new(),
            last_message_id: 0,
            pinned: Vec::new(),
            links: Vec::new(),
            requests: Vec::new(),
            migrated_to: None,
            keyboard: None,
            is_deactivated: false,
        }
    }

    /// One that an update names.
    pub(super) fn made_up(chat: &Value) -> Self {
        let id = chat["id"].as_i64().unwrap_or_default();
        let kind = match chat["type"].as_str() {
            Some("group") => ChatKind::Group,
            Some("supergroup") => ChatKind::Supergroup,
            Some("channel") => ChatKind::Channel,
            Some("private") => ChatKind::Private,
            _ => kind_of(id),
        };
        let info = chat.as_object().cloned().unwrap_or_default();
        let mut chat = Self::new(id, kind, info);
        chat.is_made_up = true;
        chat
    }

    /// One that a call names by a number.
    fn numbered(id: i64) -> Self {
        let chat = if id > 0 {
            json!({"id": id, "first_name": "Ada"})
        } else {
            json!({"id": id, "title": "Engines"})
        };
        Self::made_up(&chat)
    }

    /// As `Chat`.
    pub(crate) fn value(&self) -> Value {
        self.info.clone().into()
    }

    /// What people call it.
    pub(crate) fn title(&self) -> &str {
        let name = self
            .info
            .get("title")
            .or_else(|| self.info.get("first_name"));
        name.and_then(Value::as_str).unwrap_or_default()
    }

    /// Private chats and groups share theirs.
    pub(super) fn has_own_numbers(&self) -> bool {
        matches!(self.kind, ChatKind::Supergroup | ChatKind::Channel)
    }

    pub(super) fn keep(&mut self, id: i64, entry: MessageEntry) {
        self.messages.insert(id, entry);
        if self.messages.len() > MAX_MESSAGES {
            self.messages.pop_first();
        }
    }

    /// The status of a member, `left` if there is none.
    pub(crate) fn status(&self, user_id: i64) -> &str {
        let member = self.members.get(&user_id);
        member
            .and_then(|member| member["status"].as_str())
            .unwrap_or("left")
    }

    /// Whether the bot may do it. In chats that are made up it may do everything.
    pub(super) fn allows(&self, bot_id: i64, right: Rights) -> bool {
        self.is_made_up
            || self.kind == ChatKind::Private
            || self
                .members
                .get(&bot_id)
                .is_some_and(|bot| member::may(bot, right))
    }

    /// Whether somebody may write into it, by the own status and by what the chat permits its members.
    pub(crate) fn may_write(&self, user_id: i64) -> bool {
        let Some(member) = self.members.get(&user_id) else {
            return false;
        };
        let permissions = self.details.get("permissions");
        let is_silent = permissions.is_some_and(|given| given["can_send_messages"] != true);
        member::may(member, Rights::SEND) && !(is_silent && member["status"] == "member")
    }

    /// Why the bot is out of it.
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

fn kind_of(id: i64) -> ChatKind {
    match id {
        id if id >= 0 => ChatKind::Private,
        id if id < SUPERGROUPS => ChatKind::Supergroup,
        _ => ChatKind::Group,
    }
}

impl People {
    /// The chat that `chat_id` names.
    pub(super) fn chat(&mut self, r: &MethodCall<'_>) -> Result<i64, Answer> {
        self.chat_in(r, "chat_id")
    }

    /// As well, with the bot in it.
    pub(super) fn open(&mut self, r: &MethodCall<'_>) -> Result<i64, Answer> {
        let id = self.chat(r)?;
        let shut = self.chats[&id].shut(self.bot_id());
        shut.map_or(Ok(id), Err)
    }

    /// As well, with the right to write into it.
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

    /// The chat that an argument names, made up if need be.
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

    /// A test with a million chats doesn't keep them all.
    pub(super) fn forget_made_up(&mut self) {
        if self.chats.len() > MAX_MADE_UP {
            self.chats.retain(|_, chat| !chat.is_made_up);
        }
    }
}

/// The same for the same name: FNV-1a, put into the range of channels.
fn channel_id(name: &str) -> i64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    });
    SUPERGROUPS - i64::from(u32::try_from(hash >> 32).unwrap_or(0) | 1)
}
