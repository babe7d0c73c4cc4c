//! The person type `User`: settings and waits.

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    chats::{self, ChatKind},
    delivered::{not_notified, not_possible},
    error::Error,
    telegram::Telegram,
    typed,
};
use tower_telegram_types::types::Message;

/// A person, and the chat in which the person acts: the private chat with the bot, or the one given with
/// [`in_chat`](Self::in_chat). Clones are the same person.
///
/// What begins with `with` sets the scene: the bot isn't notified. Everything else is done as by a person with an app:
/// the bot is notified by its webhook, if it has set one, and what its response asks for is carried out; else
/// the update waits for `getUpdates`. If the bot isn't notified, that is an error, since a test would wait in vain:
/// [`Error::NotNotified`] says why. [`Error::NotTaken`] has the attempts of a webhook that didn't take the update,
/// [`Error::Failed`] those of one that failed until it gave the update up, and [`Error::NotPossible`] says what the app wouldn't have let happen.
#[derive(Clone, Debug)]
pub struct User {
    pub(super) telegram: Telegram,
    pub(super) id: i64,
    pub(super) chat_id: i64,
    /// The topic of it, if it isn't the general one.
    pub(super) thread: Option<i64>,
}

impl User {
    pub(crate) fn new(telegram: &Telegram, id: i64, chat_id: i64) -> Self {
        Self {
            telegram: telegram.clone(),
            id,
            chat_id,
            thread: None,
        }
    }

    /// The id, which is that of the private chat too.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The id of the chat in which the person acts.
    pub fn chat_id(&self) -> i64 {
        self.chat_id
    }

    /// Gives the person a last name.
    pub fn with_last_name(self, last_name: &str) -> Self {
        self.with("last_name", last_name.into())
    }

    /// Gives the person a user name, without `@`.
    pub fn with_username(self, username: &str) -> Self {
        self.with("username", username.into())
    }

    /// Sets the app's language, an IETF tag; `en` by default.
    pub fn with_language(self, language_code: &str) -> Self {
        self.with("language_code", language_code.into())
    }

    /// Gives the person Telegram Premium.
    pub fn with_premium(self) -> Self {
        self.with("is_premium", true.into())
    }

    /// Makes it someone who has never started the bot: it can't write first. Whatever the person sends starts it.
    pub fn with_bot_not_started(self) -> Self {
        let mut people = self.telegram.people();
        let (bot, bot_id) = (chats::new_member("left", &people.bot), people.bot_id());
        if let Some(chat) = people.chats.get_mut(&self.id) {
            chat.members.insert(bot_id, bot);
        }
        drop(people);
        self
    }

    fn with(self, name: &str, value: Value) -> Self {
        let mut people = self.telegram.people();
        if let Some(user) = people.users.get_mut(&self.id) {
            user[name] = value;
        }
        people.refresh_user(self.id);
        drop(people);
        self
    }

    /// All messages of the chat in which the person acts, in their order and as they are now.
    pub fn messages(&self) -> Vec<Message> {
        self.telegram.messages_in(self.chat_id)
    }

    /// The bot's next message in the chat, waiting until there is one. Each is given out once to each person,
    /// beginning with the oldest, even if it came before this was asked.
    ///
    /// # Errors
    ///
    /// [`Error::NoMessage`] if none comes within [`patience`](crate::TelegramBuilder::patience). It says what
    /// happened instead.
    pub async fn waits_for_message(&self) -> Result<Message, Error> {
        let chats = &self.telegram.inner.state.chats;
        let next = chats.wait_for(|people| people.next_message(self.id, self.chat_id));
        let next = timeout(self.telegram.inner.state.patience, next).await;
        let message = next.map_err(|_| self.no("message of the bot", self.chat_id))?;
        typed::read("a Message", &message)
    }

    /// Waits until a message isn't as given any more: how it is then.
    ///
    /// # Errors
    ///
    /// [`Error::NoMessage`] if it stays within [`patience`](crate::TelegramBuilder::patience) as it is, or is
    /// deleted. It says what happened instead.
    pub async fn waits_for_change(&self, message: &Message) -> Result<Message, Error> {
        let (chat_id, message_id) = (message.chat.id, message.message_id);
        let chats = &self.telegram.inner.state.chats;
        let changed = chats.wait_for(|people| {
            let Some(entry) = people.entry(chat_id, message_id) else {
                return Some(None);
            };
            let now = typed::read::<Message>("a Message", &entry.message);
            (now.as_ref().ok() != Some(message)).then_some(Some(now))
        });
        let changed = timeout(self.telegram.inner.state.patience, changed).await;
        changed
            .ok()
            .flatten()
            .ok_or_else(|| self.no("change of the message", chat_id))?
    }

    /// Waits until a message is deleted.
    ///
    /// # Errors
    ///
    /// [`Error::NoMessage`] if it still is there after [`patience`](crate::TelegramBuilder::patience). It says what
    /// happened instead.
    pub async fn waits_for_deletion(&self, message: &Message) -> Result<(), Error> {
        let (chat_id, message_id) = (message.chat.id, message.message_id);
        let chats = &self.telegram.inner.state.chats;
        let gone =
            chats.wait_for(|people| people.entry(chat_id, message_id).is_none().then_some(()));
        let gone = timeout(self.telegram.inner.state.patience, gone).await;
        gone.map_err(|_| self.no("deletion of the message", chat_id))
    }

    pub(super) fn no(&self, what: &str, chat_id: i64) -> Error {
        let people = self.telegram.people();
        let chat = people
            .chats
            .get(&chat_id)
            .map(|chat| chat.title().to_owned());
        Error::NoMessage {
            what: what.to_owned(),
            chat: chat.unwrap_or_default(),
            waited: self.telegram.inner.state.patience,
            history: self.telegram.inner.state.log.history(),
        }
    }

    /// Whether the person may write into the chat.
    pub(super) fn check_place(&self, what: &str) -> Result<(), Error> {
        let people = self.telegram.people();
        let Some(chat) = people.chats.get(&self.chat_id) else {
            return Err(not_possible(what, "there is no such chat"));
        };
        if people
            .chats
            .get(&self.id)
            .is_some_and(|own| own.is_deactivated)
        {
            return Err(not_possible(what, "the person has no account any more"));
        }
        if chat.migrated_to.is_some() {
            return Err(not_possible(what, "the group is a supergroup now"));
        }
        if chat.kind == ChatKind::Private {
            return match chat.status(people.bot_id()) {
                "kicked" => Err(not_possible(what, "the bot is blocked, see unblocks_bot")),
                _ => Ok(()),
            };
        }
        let is_channel = chat.kind == ChatKind::Channel;
        let status = chat.status(self.id);
        if let Some(problem) = chat.topic_problem(self.thread, self.id) {
            return Err(not_possible(what, problem));
        }
        if chat.may_write(self.id)
            && (!is_channel || ["creator", "administrator"].contains(&status))
        {
            return Ok(());
        }
        Err(not_possible(what, format!("the person is {status} there")))
    }

    /// The person as `User`.
    pub(super) fn value(&self) -> Value {
        self.telegram.people().user(self.id)
    }

    /// Whether the bot is in the chat and, in privacy mode, is meant by the message.
    pub(super) fn check_notified(&self, what: &str, message: &Value) -> Result<(), Error> {
        let people = self.telegram.people();
        let Some(chat) = people
            .chats
            .get(&message["chat"]["id"].as_i64().unwrap_or_default())
        else {
            return Ok(());
        };
        let bot_id = people.bot_id();
        if chat.kind == ChatKind::Private {
            return Ok(());
        }
        let bot = chat.members.get(&bot_id);
        if !bot.is_some_and(chats::is_in) {
            return Err(not_notified(what, "the bot is not in the chat"));
        }
        let is_administrator = ["creator", "administrator"].contains(&chat.status(bot_id));
        let is_private = people.has_privacy_mode;
        if is_private && !is_administrator && !is_meant(&people.bot, message) {
            return Err(not_notified(
                what,
                "privacy mode is on, and it is not meant for the bot",
            ));
        }
        Ok(())
    }
}

/// Whether a message in a group is meant for the bot.
fn is_meant(bot: &Value, message: &Value) -> bool {
    let text = message["text"]
        .as_str()
        .or(message["caption"].as_str())
        .unwrap_or_default();
    let name = bot["username"]
        .as_str()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let at_name = format!("@{name}");
    let command = text
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_command = command.starts_with('/')
        && command
            .split_once('@')
            .is_none_or(|(_, meant)| meant == name);
    let is_service = message["text"].is_null()
        && message["from"].is_object()
        && ["new_chat_members", "left_chat_member"]
            .iter()
            .any(|kind| !message[kind].is_null());
    is_command
        || is_service
        || text.to_ascii_lowercase().contains(&at_name)
        || message["reply_to_message"]["from"]["id"] == bot["id"]
}

/// The kind of update that brings a message of that chat.
pub(super) fn update_type(message: &Value, is_edit: bool) -> &'static str {
    match (message["chat"]["type"] == "channel", is_edit) {
        (false, false) => "message",
        (false, true) => "edited_message",
        (true, false) => "channel_post",
        (true, true) => "edited_channel_post",
    }
}

/// A reaction to an emoji.
pub(super) fn emoji(emoji: &str) -> Value {
    json!({"type": "emoji", "emoji": emoji})
}
