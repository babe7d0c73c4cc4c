//! Methods for the topics of a forum.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    chat_state::ChatState,
    member::Rights,
    method_call::{MethodCall, MethodResult, bad},
    people::People,
    topic::{COLOR, Topic},
};
use crate::bot_api::answer::Answer;

/// The topic of every forum, which messages don't mention.
const GENERAL: i64 = 1;

impl ChatState {
    /// Turns the chat into a forum.
    pub(crate) fn open_topics(&mut self) {
        self.set_info([("is_forum".to_owned(), true.into())]);
        self.prepare_topics();
    }

    fn prepare_topics(&mut self) {
        let general = || Topic::new("General");
        self.topics.entry(GENERAL).or_insert_with(general);
        // No message has its number.
        self.last_message_id = self.last_message_id.max(GENERAL);
    }

    /// The topics as `ForumTopic`, without the general one.
    pub(crate) fn topics(&self) -> Vec<Value> {
        let topics = self.topics.iter().filter(|(id, _)| **id != GENERAL);
        topics.map(|(id, topic)| topic.value(*id)).collect()
    }

    /// The reason why a user can't write into a topic. `thread` is `None` for the general one.
    pub(crate) fn topic_problem(&self, thread: Option<i64>, user_id: i64) -> Option<&'static str> {
        if self.is_made_up || (thread.is_none() && !self.is_forum()) {
            return None;
        }
        let topic = self.topics.get(&thread.unwrap_or(GENERAL));
        let Some(topic) = topic.filter(|_| self.is_forum() && thread != Some(GENERAL)) else {
            return Some("message thread not found");
        };
        let is_shut = topic.is_closed && !self.allows(user_id, Rights::TOPICS);
        is_shut.then_some("TOPIC_CLOSED")
    }

    fn is_forum(&self) -> bool {
        self.is_made_up || self.info.get("is_forum") == Some(&Value::Bool(true))
    }

    /// Removes a topic and its messages.
    fn delete_topic(&mut self, thread: i64) {
        let gone = self.in_thread(thread);
        self.messages.retain(|id, _| !gone.contains(id));
        self.pinned.retain(|id| !gone.contains(id));
        self.topics.remove(&thread);
    }

    /// Unpins the messages of a topic.
    fn unpin_topic(&mut self, thread: i64) {
        let unpinned = self.in_thread(thread);
        self.pinned.retain(|id| !unpinned.contains(id));
    }

    /// The messages of a topic.
    fn in_thread(&self, thread: i64) -> HashSet<i64> {
        let ids = self.messages.keys().copied();
        ids.filter(|id| self.thread_of(*id).unwrap_or(GENERAL) == thread)
            .collect()
    }

    /// The topic of a message, if it isn't the general one.
    fn thread_of(&self, message_id: i64) -> Option<i64> {
        let message = &self.messages.get(&message_id)?.message;
        let is_in_topic = message["is_topic_message"] == true;
        message["message_thread_id"]
            .as_i64()
            .filter(|_| is_in_topic)
    }
}

impl People {
    /// Executes `createForumTopic` and the other methods for topics.
    pub(super) fn topic(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let id = self.open(r)?;
        let bot_id = self.bot_id();
        let Some(chat) = self.chats.get_mut(&id).filter(|chat| chat.is_forum()) else {
            return Err(bad("the chat is not a forum"));
        };
        chat.prepare_topics();
        let is_made_up = chat.is_made_up;
        if r.method.name == "createForumTopic" {
            if !chat.allows(bot_id, Rights::TOPICS) {
                return Err(bad("not enough rights to create a topic"));
            }
            return self.create_topic(r, id);
        }
        let thread = r.integer("message_thread_id").unwrap_or(GENERAL);
        let is_bots = match chat.topics.get(&thread) {
            Some(topic) => topic.is_bots,
            None if is_made_up => return Ok(true.into()),
            None => return Err(bad("TOPIC_ID_INVALID")),
        };
        let (right, lack) = right_for(r.method.name);
        let is_own = is_bots && right == Rights::TOPICS;
        if !is_own && !chat.allows(bot_id, right) {
            return Err(bad(lack));
        }
        match right {
            Rights::DELETE => chat.delete_topic(thread),
            Rights::PIN => chat.unpin_topic(thread),
            _ => self.change_topic(r, id, thread)?,
        }
        Ok(true.into())
    }

    /// Executes a method that edits, closes, opens, hides, deletes or unpins a topic.
    fn change_topic(&mut self, r: &MethodCall<'_>, id: i64, thread: i64) -> Result<(), Answer> {
        let Some(chat) = self.chats.get_mut(&id) else {
            return Ok(());
        };
        let topic = chat.topics.get_mut(&thread);
        let Some((kind, what)) = topic.and_then(|topic| topic.change(r)) else {
            let is_fine = chat.is_made_up;
            return is_fine
                .then_some(())
                .ok_or_else(|| bad("TOPIC_NOT_MODIFIED"));
        };
        let mut service = Map::from_iter([(kind.to_owned(), what)]);
        if thread != GENERAL {
            in_topic(thread, &mut service);
        }
        let bot = self.bot.clone();
        self.post(id, &bot, service);
        Ok(())
    }

    /// Executes `createForumTopic`.
    fn create_topic(&mut self, r: &MethodCall<'_>, chat_id: i64) -> MethodResult {
        let name = r.text("name");
        if name.is_empty() || name.chars().count() > 128 {
            return Err(bad("TOPIC_TITLE_EMPTY"));
        }
        let mut topic = Topic::new(name);
        topic.icon_color = r.integer("icon_color").unwrap_or(COLOR);
        topic.is_bots = true;
        let emoji = r.text("icon_custom_emoji_id");
        topic.icon_custom_emoji_id = Some(emoji.to_owned()).filter(|emoji| !emoji.is_empty());
        let bot = self.bot.clone();
        let id = self.post_topic(chat_id, &bot, topic.clone());
        Ok(topic.value(id))
    }

    /// Creates a topic by a user, and returns its number.
    pub(crate) fn new_topic(&mut self, chat_id: i64, name: &str, by: &Value) -> i64 {
        if let Some(chat) = self.chats.get_mut(&chat_id) {
            chat.open_topics();
        }
        self.post_topic(chat_id, by, Topic::new(name))
    }

    /// Adds a topic with the service message about it.
    fn post_topic(&mut self, chat_id: i64, by: &Value, topic: Topic) -> i64 {
        let mut created = topic.value(0);
        if let Some(created) = created.as_object_mut() {
            created.remove("message_thread_id");
        }
        let service = Map::from_iter([("forum_topic_created".to_owned(), created)]);
        let message = self.post(chat_id, by, service);
        let id = message["message_id"].as_i64().unwrap_or_default();
        if let Some(entry) = self.entry_mut(chat_id, id)
            && let Some(message) = entry.message.as_object_mut()
        {
            in_topic(id, message);
        }
        if let Some(chat) = self.chats.get_mut(&chat_id) {
            chat.topics.insert(id, topic);
        }
        id
    }

    /// Adds the topic of a call, or of the message that it replies to.
    pub(super) fn put_topic(
        &self,
        r: &MethodCall<'_>,
        chat_id: i64,
        content: &mut Map<String, Value>,
    ) -> Result<(), Answer> {
        let Some(chat) = self.chats.get(&chat_id) else {
            return Ok(());
        };
        let given = r.integer("message_thread_id").filter(|id| *id != 0);
        let answered = r.get("reply_parameters");
        let is_here = |reply: &&Value| reply["chat_id"].as_i64().is_none_or(|id| id == chat_id);
        let answered = answered.filter(is_here);
        let answered = answered.and_then(|reply| reply["message_id"].as_i64());
        let thread = given.or_else(|| answered.and_then(|id| chat.thread_of(id)));
        if let Some(problem) = chat.topic_problem(thread, self.bot_id()) {
            return Err(bad(problem));
        }
        if let Some(thread) = thread {
            self.place(chat_id, thread, content);
        }
        Ok(())
    }

    /// Places a message in a topic. A message that isn't a reply becomes a reply to the one that created
    /// the topic.
    pub(crate) fn place(&self, chat_id: i64, thread: i64, content: &mut Map<String, Value>) {
        in_topic(thread, content);
        if let Some(first) = self.quoted(chat_id, thread) {
            let answered = content.entry("reply_to_message");
            answered.or_insert(first);
        }
    }
}

/// The right that a method needs, and the error without it.
fn right_for(method: &str) -> (Rights, &'static str) {
    match method {
        "deleteForumTopic" => (Rights::DELETE, "not enough rights to delete the topic"),
        name if name.starts_with("unpin") => (
            Rights::PIN,
            "not enough rights to manage pinned messages in the chat",
        ),
        _ => (Rights::TOPICS, "not enough rights to edit the topic"),
    }
}

/// Marks a message as one of a topic.
fn in_topic(thread: i64, message: &mut Map<String, Value>) {
    message.insert("message_thread_id".to_owned(), thread.into());
    message.insert("is_topic_message".to_owned(), true.into());
}
