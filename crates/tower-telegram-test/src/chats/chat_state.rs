//! A chat with its members, messages and topics.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    member::{self, Rights},
    message_entry::MessageEntry,
    topic::Topic,
};

/// How many messages a chat keeps; the oldest is dropped first.
const MAX_MESSAGES: usize = 10_000;
/// The IDs of supergroups and channels are below this number.
pub(super) const SUPERGROUPS: i64 = -1_000_000_000_000;

/// The kinds of chats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatKind {
    Private,
    Group,
    Supergroup,
    Channel,
}

impl ChatKind {
    /// The `type` of a `Chat`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Group => "group",
            Self::Supergroup => "supergroup",
            Self::Channel => "channel",
        }
    }

    /// The noun in the server's error messages.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Private => "private chat",
            Self::Group => "group chat",
            Self::Supergroup => "supergroup chat",
            Self::Channel => "channel chat",
        }
    }
}

/// The state of one chat.
#[derive(Debug)]
pub(crate) struct ChatState {
    pub(crate) id: i64,
    pub(crate) kind: ChatKind,
    /// Whether it came with a call or an update, and wasn't created by the test. Its properties are then
    /// unknown.
    pub(crate) is_made_up: bool,
    /// The `Chat` object.
    pub(super) info: Map<String, Value>,
    /// The fields that only `getChat` returns.
    pub(super) details: Map<String, Value>,
    /// The `ChatMember` of each user, by the user's ID.
    pub(crate) members: BTreeMap<i64, Value>,
    pub(crate) messages: BTreeMap<i64, MessageEntry>,
    /// The topics by their numbers.
    pub(super) topics: BTreeMap<i64, Topic>,
    pub(super) last_message_id: i64,
    /// The IDs of the pinned messages; the last one was pinned last.
    pub(super) pinned: Vec<i64>,
    pub(crate) links: Vec<Value>,
    /// The users who have requested to join.
    pub(crate) requests: Vec<i64>,
    /// The supergroup to which a group was upgraded.
    pub(crate) migrated_to: Option<i64>,
    /// The latest custom keyboard of the bot.
    pub(crate) keyboard: Option<Value>,
    /// Whether its user has deleted the account.
    pub(crate) is_deactivated: bool,
}

impl ChatState {
    /// A chat with no other members or messages than `info` implies.
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

    /// A chat that an update mentions.
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

    /// A chat that a call mentions by number.
    pub(super) fn numbered(id: i64) -> Self {
        let chat = if id > 0 {
            json!({"id": id, "first_name": "Ada"})
        } else {
            json!({"id": id, "title": "Engines"})
        };
        Self::made_up(&chat)
    }

    /// Sets fields of the `Chat`.
    pub(crate) fn set_info(&mut self, info: impl IntoIterator<Item = (String, Value)>) {
        self.info.extend(info);
    }

    /// The chat as a `Chat`.
    pub(crate) fn value(&self) -> Value {
        self.info.clone().into()
    }

    /// The chat's title, or its user's first name.
    pub(crate) fn title(&self) -> &str {
        let name = self
            .info
            .get("title")
            .or_else(|| self.info.get("first_name"));
        name.and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether its messages have their own numbers. Private chats and groups share theirs.
    pub(super) fn has_own_numbers(&self) -> bool {
        matches!(self.kind, ChatKind::Supergroup | ChatKind::Channel)
    }

    /// Adds a message, and drops the oldest if there are too many.
    pub(super) fn keep(&mut self, id: i64, entry: MessageEntry) {
        self.messages.insert(id, entry);
        if self.messages.len() > MAX_MESSAGES {
            self.messages.pop_first();
        }
    }

    /// The status of a user, `left` for a user without one.
    pub(crate) fn status(&self, user_id: i64) -> &str {
        let member = self.members.get(&user_id);
        member
            .and_then(|member| member["status"].as_str())
            .unwrap_or("left")
    }

    /// Whether the bot has the right. In chats that the test hasn't created it has every right.
    pub(super) fn allows(&self, bot_id: i64, right: Rights) -> bool {
        self.is_made_up
            || self.kind == ChatKind::Private
            || self
                .members
                .get(&bot_id)
                .is_some_and(|bot| member::may(bot, right))
    }

    /// Whether the user may send messages, by the user's status and the chat's permissions.
    pub(crate) fn may_write(&self, user_id: i64) -> bool {
        let Some(member) = self.members.get(&user_id) else {
            return false;
        };
        let permissions = self.details.get("permissions");
        let is_silent = permissions.is_some_and(|given| given["can_send_messages"] != true);
        member::may(member, Rights::SEND) && !(is_silent && member["status"] == "member")
    }
}

/// The kind of a chat by the range of its ID.
fn kind_of(id: i64) -> ChatKind {
    match id {
        id if id >= 0 => ChatKind::Private,
        id if id < SUPERGROUPS => ChatKind::Supergroup,
        _ => ChatKind::Group,
    }
}
