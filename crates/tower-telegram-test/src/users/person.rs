//! The [`User`]: settings, and waits for the bot's messages.

use serde_json::{Value, json};
use tokio::time::timeout;

use super::delivered::{not_notified, not_possible};
use crate::{
    bot_api::typed,
    chats::{self, ChatKind},
    error::Error,
    telegram::Telegram,
};
use tower_telegram_types::types::Message;

/// A user, and the chat in which the user acts: the private chat with the bot, or the one of
/// [`in_chat`](Self::in_chat). Clones are handles of the same user.
///
/// Methods that begin with `with` prepare the user for a test, and the bot isn't notified. All other
/// actions are like those of a user with an app: the bot is notified by its webhook, if it has set one, and
/// a method in its response is executed; otherwise the update waits for `getUpdates`.
///
/// ```no_run
/// # use tower_telegram_test::Telegram;
/// # async fn example(telegram: Telegram) -> Result<(), tower_telegram_test::Error> {
/// let ada = telegram.user("Ada").with_language("fr");
/// ada.sends("/start").await?;
/// let menu = ada.waits_for_message().await?;
/// let press = ada.presses(&menu, "Help").await?;
/// assert_eq!(press.answer().await?.text.as_deref(), Some("Here it is"));
/// let menu = ada.waits_for_change(&menu).await?;
/// assert_eq!(menu.text.as_deref(), Some("How to use this bot …"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors of actions
///
/// - [`Error::NotNotified`] if Telegram doesn't notify the bot of the action, because a wait for the bot
///   would then only time out. It has the reason.
/// - [`Error::NotTaken`] if the webhook didn't accept the update. It has the attempts.
/// - [`Error::Failed`] if the webhook failed until it abandoned the update. It has the attempts.
/// - [`Error::NotPossible`] if the app wouldn't let the user do this.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) telegram: Telegram,
    pub(crate) id: i64,
    pub(crate) chat_id: i64,
    /// The topic, if it isn't the general one.
    pub(crate) thread: Option<i64>,
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

    /// The user's ID, which is also that of the private chat.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The ID of the chat in which the user acts.
    pub fn chat_id(&self) -> i64 {
        self.chat_id
    }

    /// Sets the last name.
    pub fn with_last_name(self, last_name: &str) -> Self {
        self.with("last_name", last_name.into())
    }

    /// Sets the user name, without `@`.
    pub fn with_username(self, username: &str) -> Self {
        self.with("username", username.into())
    }

    /// Sets the app's language, an IETF language tag. Default: `en`.
    pub fn with_language(self, language_code: &str) -> Self {
        self.with("language_code", language_code.into())
    }

    /// Gives the user Telegram Premium.
    pub fn with_premium(self) -> Self {
        self.with("is_premium", true.into())
    }

    /// Makes it a user who has not started the bot, so that the bot can't write first. Any message of the
    /// user starts the bot.
    pub fn with_bot_not_started(self) -> Self {
        let mut people = self.telegram.people();
        let (bot, bot_id) = (chats::new_member("left", &people.bot), people.bot_id());
        if let Some(chat) = people.chats.get_mut(&self.id) {
            chat.members.insert(bot_id, bot);
        }
        drop(people);
        self
    }

    /// Sets a field of the `User`.
    fn with(self, name: &str, value: Value) -> Self {
        let mut people = self.telegram.people();
        if let Some(user) = people.users.get_mut(&self.id) {
            user[name] = value;
        }
        people.refresh_user(self.id);
        drop(people);
        self
    }

    /// All messages of the chat in which the user acts, in their present state, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.telegram.messages_in(self.chat_id)
    }

    /// Waits for the bot's next message in the chat. Each message is returned once to each user, beginning
    /// with the oldest, even if it was sent before this function was called.
    ///
    /// # Errors
    ///
    /// [`Error::NoMessage`] if there is none within [`wait_timeout`](crate::TelegramBuilder::wait_timeout). It
    /// lists the calls and updates that there were.
    pub async fn waits_for_message(&self) -> Result<Message, Error> {
        let chats = &self.telegram.inner.state.chats;
        let next = chats.wait_for(|people| people.next_message(self.id, self.chat_id));
        let next = timeout(self.telegram.inner.state.wait_timeout, next).await;
        let message = next.map_err(|_| self.no("message of the bot", self.chat_id))?;
        typed::read("a Message", &message)
    }

    /// Waits until a message differs from the given one, and returns it.
    ///
    /// # Errors
    ///
    /// [`Error::NoMessage`] if it doesn't change within [`wait_timeout`](crate::TelegramBuilder::wait_timeout), or
    /// is deleted. It lists the calls and updates that there were.
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
        let changed = timeout(self.telegram.inner.state.wait_timeout, changed).await;
        changed
            .ok()
            .flatten()
            .ok_or_else(|| self.no("change of the message", chat_id))?
    }

    /// Waits until a message is deleted.
    ///
    /// # Errors
    ///
    /// [`Error::NoMessage`] if it still exists after [`wait_timeout`](crate::TelegramBuilder::wait_timeout). It
    /// lists the calls and updates that there were.
    pub async fn waits_for_deletion(&self, message: &Message) -> Result<(), Error> {
        let (chat_id, message_id) = (message.chat.id, message.message_id);
        let chats = &self.telegram.inner.state.chats;
        let gone =
            chats.wait_for(|people| people.entry(chat_id, message_id).is_none().then_some(()));
        let gone = timeout(self.telegram.inner.state.wait_timeout, gone).await;
        gone.map_err(|_| self.no("deletion of the message", chat_id))
    }

    /// The error for a wait that ended without a result.
    pub(crate) fn no(&self, what: &str, chat_id: i64) -> Error {
        let people = self.telegram.people();
        let chat = people
            .chats
            .get(&chat_id)
            .map(|chat| chat.title().to_owned());
        Error::NoMessage {
            what: what.to_owned(),
            chat: chat.unwrap_or_default(),
            waited: self.telegram.inner.state.wait_timeout,
            history: self.telegram.inner.state.log.history(),
        }
    }

    /// Whether the user may write into the chat.
    pub(crate) fn check_place(&self, what: &str) -> Result<(), Error> {
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

    /// The user as the JSON of a `User`.
    pub(crate) fn value(&self) -> Value {
        self.telegram.people().user(self.id)
    }

    /// Whether the bot is in the chat and, in privacy mode, gets the message.
    pub(crate) fn check_notified(&self, what: &str, message: &Value) -> Result<(), Error> {
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

/// Whether a message in a group is for the bot.
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

/// The type of update for a message of that chat.
pub(crate) fn update_type(message: &Value, is_edit: bool) -> &'static str {
    match (message["chat"]["type"] == "channel", is_edit) {
        (false, false) => "message",
        (false, true) => "edited_message",
        (true, false) => "channel_post",
        (true, true) => "edited_channel_post",
    }
}

/// The reaction with an emoji.
pub(crate) fn emoji(emoji: &str) -> Value {
    json!({"type": "emoji", "emoji": emoji})
}
