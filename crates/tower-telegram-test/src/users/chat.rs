//! The [`Chat`]: a group, a supergroup or a channel of a test.

use serde_json::Value;

use super::person::User;
use crate::{bot_api::typed, chats, error::Error, telegram::Telegram};
use tower_telegram_types::types::{ChatFullInfo, ChatInviteLink, ChatMember, ForumTopic, Message};

/// A group, a supergroup or a channel. Clones are handles of the same chat.
///
/// Make one with [`Telegram::group`], [`Telegram::supergroup`] or [`Telegram::channel`]. Methods that begin
/// with `with` prepare it for a test, and the bot isn't notified of these changes.
///
/// ```
/// # use tower_telegram_test::Telegram;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let telegram = Telegram::start().await?;
/// let ada = telegram.user("Ada");
/// let engines = telegram.supergroup("Engines").with_owner(&ada).with_bot_rights(&["can_pin_messages"]);
/// let topic = engines.add_topic("Looms", &ada);
/// assert_eq!(engines.topics()[0].message_thread_id, topic);
/// assert!(engines.messages().iter().all(|message| message.text.is_none()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Chat {
    telegram: Telegram,
    id: i64,
}

impl Chat {
    pub(crate) fn new(telegram: &Telegram, id: i64) -> Self {
        Self {
            telegram: telegram.clone(),
            id,
        }
    }

    /// The chat's ID.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Gives the chat a public name, without `@`.
    pub fn with_username(self, username: &str) -> Self {
        self.edit(|chat| {
            let name = ("username".to_owned(), username.into());
            chat.set_info([name]);
        });
        self
    }

    /// Makes the bot an administrator with all rights.
    pub fn with_bot_as_administrator(self) -> Self {
        let bot = self.telegram.bot_id();
        self.with_status(bot, "administrator")
    }

    /// Makes the bot a plain member.
    pub fn with_bot_as_member(self) -> Self {
        let bot = self.telegram.bot_id();
        self.with_status(bot, "member")
    }

    /// Makes the bot an administrator with only these rights, named as in `ChatMemberAdministrator`:
    /// `["can_pin_messages"]`.
    pub fn with_bot_rights(self, rights: &[&str]) -> Self {
        let bot_id = self.telegram.bot_id();
        let chat = self.with_bot_as_administrator();
        chat.edit(|chat| {
            let bot = chat.members.get_mut(&bot_id).and_then(Value::as_object_mut);
            for (name, value) in bot.into_iter().flatten() {
                let is_right = name.starts_with("can_") && name != "can_manage_chat";
                if is_right {
                    *value = rights.contains(&name.as_str()).into();
                }
            }
        });
        chat
    }

    /// Makes the bot a member that may not send messages.
    pub fn with_bot_restricted(self) -> Self {
        let bot_id = self.telegram.bot_id();
        let chat = self.with_status(bot_id, "restricted");
        chat.edit(|chat| {
            if let Some(bot) = chat.members.get_mut(&bot_id) {
                bot["is_member"] = true.into();
            }
        });
        chat
    }

    /// Removes the bot from the chat.
    pub fn without_bot(self) -> Self {
        let bot = self.telegram.bot_id();
        self.with_status(bot, "left")
    }

    /// Makes the user the owner.
    pub fn with_owner(self, user: &User) -> Self {
        self.with_status(user.id(), "creator")
    }

    /// Makes the user an administrator with all rights.
    pub fn with_administrator(self, user: &User) -> Self {
        self.with_status(user.id(), "administrator")
    }

    /// Makes the user a plain member.
    pub fn with_member(self, user: &User) -> Self {
        self.with_status(user.id(), "member")
    }

    /// Makes a supergroup a forum, with topics.
    pub fn with_topics(self) -> Self {
        self.edit(chats::ChatState::open_topics);
        self
    }

    /// Creates a topic by the user, and returns its `message_thread_id`. It makes the chat a forum.
    pub fn add_topic(&self, name: &str, by: &User) -> i64 {
        let mut people = self.telegram.people();
        let user = people.user(by.id());
        people.new_topic(self.id, name, &user)
    }

    /// All topics except for the general one, oldest first.
    pub fn topics(&self) -> Vec<ForumTopic> {
        let people = self.telegram.people();
        let topics = people.chats.get(&self.id).map(chats::ChatState::topics);
        let read = |topic: &Value| typed::read("a ForumTopic", topic).ok();
        topics.unwrap_or_default().iter().filter_map(read).collect()
    }

    /// Sets the status of a user or the bot.
    fn with_status(self, user_id: i64, status: &str) -> Self {
        let mut people = self.telegram.people();
        let member = chats::new_member(status, &people.user(user_id));
        if let Some(chat) = people.chats.get_mut(&self.id) {
            chat.members.insert(user_id, member);
        }
        drop(people);
        self
    }

    fn edit(&self, edit: impl FnOnce(&mut chats::ChatState)) {
        if let Some(chat) = self.telegram.people().chats.get_mut(&self.id) {
            edit(chat);
        }
    }

    /// All messages of the chat in their present state, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.telegram.messages_in(self.id)
    }

    /// The result of `getChat`: title, description, photo, permissions, the pinned message.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] if a test has set a value of another type.
    pub fn info(&self) -> Result<ChatFullInfo, Error> {
        let people = self.telegram.people();
        let chat = people.chats.get(&self.id);
        let full = chat.map(chats::ChatState::full).unwrap_or_default();
        typed::read("a ChatFullInfo", &full)
    }

    /// The user's status in the chat: `left` for a user who was never a member.
    ///
    /// # Errors
    ///
    /// The same as those of [`info`](Self::info).
    pub fn member(&self, user: &User) -> Result<ChatMember, Error> {
        let people = self.telegram.people();
        let members = people.chats.get(&self.id).map(|chat| &chat.members);
        let member = members.and_then(|members| members.get(&user.id()).cloned());
        let member = member.unwrap_or_else(|| chats::new_member("left", &people.user(user.id())));
        typed::read("a ChatMember", &member)
    }

    /// The invite links, oldest first, including revoked ones.
    pub fn invite_links(&self) -> Vec<ChatInviteLink> {
        let people = self.telegram.people();
        let links = people.chats.get(&self.id).map(|chat| chat.links.clone());
        let links = links.unwrap_or_default();
        let read = |link: &Value| typed::read("a ChatInviteLink", link).ok();
        links.iter().filter_map(read).collect()
    }
}
