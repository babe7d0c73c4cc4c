//! A user's reactions, deletions and votes.

use serde_json::{Value, json};

use super::person::{User, emoji};
use tower_telegram_types::types::Message;

use super::delivered::{Delivered, not_notified, not_possible};
use crate::{chats::ChatKind, clock::unix_now, error::Error};

impl User {
    /// Reacts to a message with an emoji, which replaces an earlier reaction. An empty text removes the
    /// reaction.
    ///
    /// In groups the bot is notified only as an administrator, in channels only of the counts. It must ask
    /// for `message_reaction` or `message_reaction_count`, which aren't in the default set.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NotPossible`] if the message is deleted.
    pub async fn reacts(&self, message: &Message, with: &str) -> Result<Delivered, Error> {
        let (update_type, update) = self.react(message, with)?;
        self.telegram.notify_bot(update_type, update).await
    }

    /// Applies a reaction. Returns the update about it, with its type.
    fn react(&self, message: &Message, with: &str) -> Result<(&'static str, Value), Error> {
        let (chat_id, message_id) = (message.chat.id, message.message_id);
        let reactions = if with.is_empty() {
            json!([])
        } else {
            json!([emoji(with)])
        };
        let mut people = self.telegram.people();
        let user = people.user(self.id);
        let old = people.react(chat_id, message_id, self.id, &reactions);
        let old = old.ok_or_else(|| not_possible("reaction", "the message is not there"))?;
        let counts = people.reaction_counts(chat_id, message_id);
        let Some(chat) = people.chats.get(&chat_id) else {
            return Err(not_possible("reaction", "the chat is not there"));
        };
        let is_administrator = chat.status(people.bot_id()) == "administrator";
        if chat.kind != ChatKind::Private && !is_administrator {
            return Err(not_notified(
                "message_reaction",
                "it is not an administrator of the chat",
            ));
        }
        let mut update =
            json!({"chat": chat.value(), "message_id": message_id, "date": unix_now()});
        let update_type = if chat.kind == ChatKind::Channel {
            update["reactions"] = counts;
            "message_reaction_count"
        } else {
            update["user"] = user;
            update["old_reaction"] = old;
            update["new_reaction"] = reactions;
            "message_reaction"
        };
        Ok((update_type, update))
    }

    /// Deletes a message for all users. Telegram doesn't notify the bot; it gets an error when it wants to
    /// change the message.
    ///
    /// # Errors
    ///
    /// [`Error::NotPossible`] if the message is deleted already.
    pub fn deletes(&self, message: &Message) -> Result<(), Error> {
        let mut people = self.telegram.people();
        let chat = people.chats.get_mut(&message.chat.id);
        let deleted = chat.and_then(|chat| chat.messages.remove(&message.message_id));
        match deleted {
            Some(_) => Ok(()),
            None => Err(not_possible("deletion", "the message is not there")),
        }
    }

    /// Votes in a poll for the options with these positions, counted from 0. An empty list takes the vote
    /// back.
    ///
    /// The bot is notified of the poll's new state and, unless the poll is anonymous, of the vote. The last
    /// update is returned.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NotPossible`] if there is no such poll, if it is
    /// closed, or has no such option.
    pub async fn votes(&self, message: &Message, options: &[usize]) -> Result<Delivered, Error> {
        let updates = self.vote(message, options)?;
        self.telegram.notify_bot_of_all(updates).await
    }

    /// Applies votes. Returns the updates about them.
    fn vote(
        &self,
        message: &Message,
        options: &[usize],
    ) -> Result<Vec<(&'static str, Value)>, Error> {
        let (chat_id, message_id) = (message.chat.id, message.message_id);
        let mut people = self.telegram.people();
        let entry = people.entry(chat_id, message_id);
        let poll = entry
            .map(|entry| entry.message["poll"].clone())
            .unwrap_or_default();
        check_vote(&poll, options)?;
        if !entry.is_some_and(|entry| entry.is_bots) {
            return Err(not_notified("vote", "the poll is not the bot's"));
        }
        let user = people.user(self.id);
        let poll = people.vote(chat_id, message_id, self.id, options.to_vec());
        let poll = poll.ok_or_else(|| not_possible("vote", "the message is not there"))?;
        let mut updates = vec![("poll", poll.clone())];
        if poll["is_anonymous"] == false {
            let ids: Vec<_> = options.iter().map(ToString::to_string).collect();
            let answer = json!({
                "poll_id": poll["id"], "user": user, "option_ids": options, "option_persistent_ids": ids,
            });
            updates.push(("poll_answer", answer));
        }
        Ok(updates)
    }
}

/// Whether the poll is open and has the options.
fn check_vote(poll: &Value, options: &[usize]) -> Result<(), Error> {
    let why = match poll["options"].as_array() {
        None => "there is no poll in the message",
        Some(_) if poll["is_closed"] == true => "the poll is closed",
        Some(all) if options.iter().any(|option| *option >= all.len()) => "there is no such option",
        Some(_) if options.len() > 1 && poll["allows_multiple_answers"] != true => {
            "only one option may be chosen"
        }
        Some(_) => return Ok(()),
    };
    Err(not_possible("vote", why))
}
