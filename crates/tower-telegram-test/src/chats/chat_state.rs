//! A chat with its members, messages and topics.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    member::{self, Rights},
    message_entry::MessageEntry,
    topic::Topic,
};

const MAX_MESSAGES: usize = 10_000;
/// Ids of supergroups and channels are below it.
pub(super) const SUPERGROUPS: i64 = -1_000_000_000_000;

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
    pub(super) fn numbered(id: i64) -> Self {
        let chat = if id > 0 {
            json!({"id": id, "first_name": "Ada"})
        } else {
            json!({"id": id, "title": "Engines"})
        };
        Self::made_up(&chat)
    }

    /// Takes over fields of `Chat`.
    pub(crate) fn set_info(&mut self, info: impl IntoIterator<Item = (String, Value)>) {
        self.info.extend(info);
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
}

fn kind_of(id: i64) -> ChatKind {
    match id {
        id if id >= 0 => ChatKind::Private,
        id if id < SUPERGROUPS => ChatKind::Supergroup,
        _ => ChatKind::Group,
    }
}
