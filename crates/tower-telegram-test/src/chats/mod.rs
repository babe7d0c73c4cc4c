//! What there is besides the bot: people, chats with members and messages, and what the bot has set.

mod admin;
mod chat;
mod content;
mod copy;
mod edit;
mod info;
mod inline;
mod links;
mod markup;
mod media;
mod member;
mod message;
mod poll;
mod queries;
mod reactions;
mod request;
mod send;
mod settings;
mod stars;
mod topics;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use self::request::{MethodCall, bad};
pub(super) use self::{
    chat::{ChatKind, ChatState},
    copy::origin,
    inline::Choice,
    markup::buttons,
    member::{is_in, new as new_member},
    message::{MessageEntry, content_of},
    queries::Query,
};
use super::{
    answer::Answer,
    args::Args,
    clock::Clock,
    schema::{self, MethodSchema},
    state::State,
    typed,
};
use tower_telegram_types::types::Message;

/// The world's answer to a call: its result, or why there is none.
type MethodResult = Result<Value, Answer>;

#[derive(Debug)]
pub(super) struct Chats {
    people: Mutex<People>,
    changed: watch::Sender<()>,
}

impl Chats {
    pub(super) fn new(bot: Value, is_strict: bool, clock: Clock) -> Self {
        Self {
            people: Mutex::new(People::new(bot, is_strict, clock)),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the world, again after each change, until there is something to see.
    pub(super) async fn wait_for<T>(&self, mut look: impl FnMut(&mut People) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(seen) = look(&mut self.lock()) {
                return seen;
            }
            // The sender is in `self`, so the channel is open.
            changes.changed().await.ok();
        }
    }

    /// What the method answers.
    pub(super) fn answer(&self, state: &State, method: &MethodSchema, args: &Args) -> Answer {
        let params = match schema::get().read(method, &args.params, &args.files) {
            Ok(params) => params,
            Err(problem) => return bad(&problem),
        };
        let request = MethodCall {
            state,
            method,
            params,
            args,
        };
        let reply = {
            let mut people = self.lock();
            media::check(&request, people.is_strict()).and_then(|()| people.answer(&request))
        };
        self.changed.send_replace(());
        reply.map_or_else(|error| error, Answer::ok)
    }

    /// Remembers what an update says that a test made up by itself.
    pub(super) fn observe(&self, update: &Map<String, Value>) {
        self.lock().observe(update);
        self.changed.send_replace(());
    }
}

#[derive(Debug)]
pub(super) struct People {
    clock: Clock,
    pub(super) bot: Value,
    /// No chat is made up.
    is_strict: bool,
    /// By id; without those that were made up on the way.
    pub(super) users: HashMap<i64, Value>,
    pub(super) chats: HashMap<i64, ChatState>,
    /// The highest of all private chats and groups, which share their numbers.
    last_message_id: i64,
    /// How many messages there have been, over all chats.
    last_sequence: u64,
    last_id: i64,
    pub(super) queries: HashMap<String, Query>,
    /// The messages that were sent through the bot's inline mode, by their ids.
    pub(super) inline: HashMap<String, (i64, i64)>,
    settings: HashMap<String, Value>,
    /// As `StarTransaction`, oldest first.
    stars: Vec<Value>,
    /// Up to which message each reader has seen a chat.
    seen: HashMap<(i64, i64), u64>,
}

impl People {
    fn new(bot: Value, is_strict: bool, clock: Clock) -> Self {
        Self {
            bot,
            clock,
            is_strict,
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
    fn is_strict(&self) -> bool {
        self.is_strict || !self.users.is_empty()
    }

    /// A number that nothing else has.
    pub(super) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn bot_id(&self) -> i64 {
        self.bot["id"].as_i64().unwrap_or_default()
    }

    /// A user who is known, the bot, or one that is made up.
    pub(super) fn user(&self, id: i64) -> Value {
        if id == self.bot_id() {
            return self.bot.clone();
        }
        let known = self.users.get(&id).cloned();
        known.unwrap_or_else(|| json!({"id": id, "is_bot": false, "first_name": "Ada"}))
    }

    fn answer(&mut self, r: &MethodCall<'_>) -> MethodResult {
        match r.method.name {
            "getMe" => Ok(self.me(r)),
            "getFile" => self.get_file(r),
            "uploadStickerFile" => Ok(media::file(r, "File", "sticker", r.text("sticker"))),
            "forwardMessage" | "forwardMessages" => self.forward(r),
            "copyMessage" | "copyMessages" => self.copy(r),
            "sendMediaGroup" => self.send_album(r),
            name if content::is_sent(name) => self.send(r),
            "editMessageText"
            | "editMessageCaption"
            | "editMessageMedia"
            | "editMessageReplyMarkup"
            | "editMessageLiveLocation"
            | "stopMessageLiveLocation"
            | "editMessageChecklist"
            | "setGameScore" => self.edit(r),
            "stopPoll" => self.stop_poll(r),
            "deleteMessage" | "deleteMessages" => self.delete(r),
            "setMessageReaction" => self.set_reaction(r),
            "pinChatMessage" | "unpinChatMessage" | "unpinAllChatMessages" => self.pin(r),
            "getChat" | "setChatTitle" | "setChatDescription" | "setChatPhoto"
            | "deleteChatPhoto" | "setChatPermissions" => self.chat_info(r),
            "getChatMember" | "getChatMemberCount" | "getChatAdministrators" => self.members(r),
            "banChatMember"
            | "unbanChatMember"
            | "restrictChatMember"
            | "promoteChatMember"
            | "setChatAdministratorCustomTitle"
            | "leaveChat"
            | "approveChatJoinRequest"
            | "declineChatJoinRequest" => self.administer(r),
            "createChatInviteLink"
            | "editChatInviteLink"
            | "revokeChatInviteLink"
            | "exportChatInviteLink"
            | "createChatSubscriptionInviteLink"
            | "editChatSubscriptionInviteLink" => self.invite_link(r),
            "createForumTopic"
            | "editForumTopic"
            | "closeForumTopic"
            | "reopenForumTopic"
            | "deleteForumTopic"
            | "unpinAllForumTopicMessages"
            | "editGeneralForumTopic"
            | "closeGeneralForumTopic"
            | "reopenGeneralForumTopic"
            | "hideGeneralForumTopic"
            | "unhideGeneralForumTopic"
            | "unpinAllGeneralForumTopicMessages" => self.topic(r),
            "answerCallbackQuery"
            | "answerInlineQuery"
            | "answerPreCheckoutQuery"
            | "answerShippingQuery" => self.answer_query(r),
            "getMyStarBalance" | "getStarTransactions" | "refundStarPayment" => self.stars(r),
            name if settings::is_setting(name) => Ok(self.setting(r)),
            _ => self.other(r),
        }
    }

    fn me(&self, r: &MethodCall<'_>) -> Value {
        let mut me = self.bot.clone();
        for (name, is_on) in [
            ("can_join_groups", true),
            ("can_read_all_group_messages", !r.state.has_privacy_mode),
            ("supports_guest_queries", false),
            ("supports_inline_queries", true),
            ("can_connect_to_business", false),
            ("has_main_web_app", false),
            ("has_topics_enabled", false),
            ("allows_users_to_create_topics", false),
            ("can_manage_bots", false),
            ("supports_join_request_queries", false),
        ] {
            me[name] = is_on.into();
        }
        me
    }

    /// A method without a life of its own here: a value that fits, with the call's own arguments in it.
    fn other(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let is_for_chat = r
            .method
            .params
            .iter()
            .any(|param| param.name == "chat_id" && param.is_required);
        let chat = if is_for_chat && !r.has("business_connection_id") {
            let id = self.writable(r)?;
            self.chats[&id].value()
        } else {
            json!({"id": self.bot_id(), "type": "private", "first_name": "Test bot"})
        };
        let id = self.next_id();
        let bot = &self.bot;
        let token = format!("{}:AAManaged-by-the-bot", r.integer("user_id").unwrap_or(1));
        let is_token = r.method.name.ends_with("ManagedBotToken");
        let given = |type_: &str, name: &str| match (type_, name) {
            ("User", _) => Some(bot.clone()),
            ("Chat", _) => Some(chat.clone()),
            ("Time", _) => Some(self.clock.unix().into()),
            ("String", "") if is_token => Some(token.as_str().into()),
            ("String", "") => Some(format!("https://t.me/$test{id}").into()),
            ("Integer", name) if name.ends_with("_count") || name == "amount" => Some(0.into()),
            ("Integer", "message_thread_id" | "message_id" | "id") => Some(id.into()),
            ("Integer", "icon_color") if !r.has(name) => Some(7_322_096.into()),
            ("String" | "Integer" | "Boolean", name) => r
                .params
                .get(name)
                .filter(|value| !value.is_object())
                .cloned(),
            _ => None,
        };
        Ok(schema::get().make(main_return(r.method.returns), &given))
    }

    /// Notes the messages and the queries of an update from outside.
    fn observe(&mut self, update: &Map<String, Value>) {
        for (kind, payload) in update {
            if kind.ends_with("_query")
                && let Some(id) = payload["id"].as_str()
            {
                self.note_query(kind, id.to_owned());
            }
            for message in [payload, &payload["message"]] {
                self.observe_message(message);
            }
        }
    }

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

/// `Message | True` is a message.
fn main_return(returns: &'static str) -> &'static str {
    returns.split('|').next().unwrap_or(returns)
}
