//! A user's presses of buttons, and inline queries.

use serde_json::{Value, json};

use super::{person::User, sends::no_button};
use tower_telegram_types::{
    Method,
    methods::{AnswerCallbackQuery, AnswerInlineQuery},
    types::Message,
};

use super::delivered::{Delivered, Sent, not_notified, not_possible};
use crate::{
    bot_api::{call::Call, typed},
    chats::{self, Choice},
    error::Error,
    telegram::Telegram,
};

/// A pressed button, of which the bot was notified with a callback query.
///
/// ```no_run
/// # use tower_telegram_test::User;
/// # async fn example(ada: User) -> Result<(), tower_telegram_test::Error> {
/// let question = ada.waits_for_message().await?;
/// let press = ada.presses(&question, "Yes").await?;
/// assert_eq!(press.answer().await?.show_alert, Some(true));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Press {
    /// The callback query's ID.
    pub id: String,
    /// The update that notified the bot.
    pub delivered: Delivered,
    telegram: Telegram,
}

impl Press {
    /// Waits for the bot's answer to the query, which the user gets to see.
    ///
    /// # Errors
    ///
    /// [`Error::NoCall`] if there is none within [`wait_timeout`](crate::TelegramBuilder::wait_timeout).
    pub async fn answer(&self) -> Result<AnswerCallbackQuery, Error> {
        self.telegram.answered("callback_query_id", &self.id).await
    }
}

/// An inline query: the text that a user has typed after the bot's name.
///
/// ```no_run
/// # use tower_telegram_test::User;
/// # async fn example(ada: User) -> Result<(), tower_telegram_test::Error> {
/// let query = ada.queries("cats").await?;
/// assert_eq!(query.answer().await?.results.len(), 10);
/// ada.chooses(&query, "cat-3").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct InlineQuery {
    /// The inline query's ID.
    pub id: String,
    /// The text of the query.
    pub query: String,
    /// The update that notified the bot.
    pub delivered: Delivered,
    telegram: Telegram,
}

impl InlineQuery {
    /// Waits for the bot's answer to the query: the results that the user gets to see.
    ///
    /// # Errors
    ///
    /// [`Error::NoCall`] if there is none within [`wait_timeout`](crate::TelegramBuilder::wait_timeout).
    pub async fn answer(&self) -> Result<AnswerInlineQuery, Error> {
        self.telegram.answered("inline_query_id", &self.id).await
    }
}

impl Telegram {
    /// Waits for the call that answers a query.
    pub(crate) async fn answered<M>(&self, argument: &str, id: &str) -> Result<M, Error>
    where
        M: Method + serde_core::de::DeserializeOwned,
    {
        let state = &self.inner.state;
        let find = |call: &Call| {
            let is_it = call.text(argument).as_deref() == Some(id) && call.is_ok();
            is_it.then(|| call.method_as::<M>()).flatten()
        };
        state
            .log
            .wait_until(M::NAME, state.wait_timeout, false, find)
            .await
    }
}

impl User {
    /// Presses the button with that text below a message. If the message has changed since, its present
    /// buttons count.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NoButton`] if there is no such button,
    /// [`Error::NotNotified`] if it only opens something in the app.
    pub async fn presses(&self, message: &Message, text: &str) -> Result<Press, Error> {
        let (id, query) = self.press(message, text)?;
        let delivered = self.telegram.notify_bot("callback_query", query).await?;
        Ok(Press {
            id,
            delivered,
            telegram: self.telegram.clone(),
        })
    }

    /// Finds the button, and creates its callback query.
    fn press(&self, message: &Message, text: &str) -> Result<(String, Value), Error> {
        let (chat_id, message_id) = (message.chat.id, message.message_id);
        let mut people = self.telegram.people();
        let current = people
            .entry(chat_id, message_id)
            .map(|entry| entry.message.clone());
        let current = current.ok_or_else(|| not_possible("press", "the message is not there"))?;
        let markup = &current["reply_markup"];
        let mut buttons = chats::buttons(markup, "inline_keyboard");
        let Some(button) = buttons.find(|button| button["text"] == text) else {
            return Err(no_button(text, markup, "inline_keyboard"));
        };
        let mut query = json!({"from": people.user(self.id), "chat_instance": chat_id.to_string()});
        if let Some(data) = button["callback_data"].as_str() {
            query["data"] = data.into();
        } else if button["callback_game"].is_object() {
            query["game_short_name"] = current["game"]["title"].clone();
        } else if button["pay"] == true {
            return Err(not_possible("press", "it is a button to pay, see pays"));
        } else {
            return Err(not_notified("press", "the button only opens something"));
        }
        let mut inline = people.inline.iter();
        match inline.find(|(_, place)| **place == (chat_id, message_id)) {
            Some((id, _)) => query["inline_message_id"] = id.as_str().into(),
            None => query["message"] = current.clone(),
        }
        let id = people.new_query("callback_query", self.id);
        query["id"] = id.as_str().into();
        Ok((id, query))
    }

    /// Types a query after the bot's name, in the chat in which the user acts.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn queries(&self, text: &str) -> Result<InlineQuery, Error> {
        let (id, query) = self.query(text);
        let delivered = self.telegram.notify_bot("inline_query", query).await?;
        Ok(InlineQuery {
            id,
            query: text.to_owned(),
            delivered,
            telegram: self.telegram.clone(),
        })
    }

    /// Creates an inline query.
    fn query(&self, text: &str) -> (String, Value) {
        let mut people = self.telegram.people();
        let chat = people.chats.get(&self.chat_id).map(|chat| chat.kind.name());
        let is_own = self.chat_id == self.id;
        let chat_type = if is_own {
            "sender"
        } else {
            chat.unwrap_or("private")
        };
        let id = people.new_query("inline_query", self.id);
        let query = json!({
            "id": id, "from": people.user(self.id), "query": text, "offset": "", "chat_type": chat_type,
        });
        (id, query)
    }

    /// Chooses a result of an answered inline query by its ID, and sends it into the chat in which the user
    /// acts. The bot is notified with `chosen_inline_result`. It doesn't get the message, but can change it
    /// if the message has a keyboard.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NoCall`] if the query isn't answered within
    /// [`wait_timeout`](crate::TelegramBuilder::wait_timeout), [`Error::NotPossible`] if there is no such result.
    pub async fn chooses(&self, query: &InlineQuery, result_id: &str) -> Result<Sent, Error> {
        let state = &self.telegram.inner.state;
        let find = |call: &Call| {
            let is_it = call.text("inline_query_id").as_deref() == Some(&*query.id) && call.is_ok();
            is_it.then(|| call.json("results")).flatten()
        };
        let answer = state
            .log
            .wait_until("answerInlineQuery", state.wait_timeout, false, find);
        let results = answer.await?;
        let mut results = results.as_array().into_iter().flatten();
        let result = results.find(|result| result["id"] == result_id);
        let result = result.ok_or_else(|| not_possible("choice", "there is no such result"))?;
        self.check_place("choice")?;
        let (message, chosen) = self.post_choice(query, result);
        let delivered = self
            .telegram
            .notify_bot("chosen_inline_result", chosen)
            .await?;
        Ok(Sent {
            message: typed::read("a Message", &message)?,
            delivered,
        })
    }

    /// Sends the chosen result into the chat.
    fn post_choice(&self, query: &InlineQuery, result: &Value) -> (Value, Value) {
        let choice = Choice {
            result: result.clone(),
        };
        let mut people = self.telegram.people();
        let (message, id) = people.post_result(self.chat_id, self.id, &choice);
        let mut chosen = json!({
            "result_id": result["id"], "from": people.user(self.id), "query": query.query,
        });
        if result["reply_markup"].is_object() {
            chosen["inline_message_id"] = id.into();
        }
        (message, chosen)
    }
}
