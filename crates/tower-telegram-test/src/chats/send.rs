//! Methods that send messages and albums.

use serde_json::{Map, Value, json};

use super::{
    content, media,
    method_call::{MethodCall, MethodResult, bad},
    people::People,
};
use crate::bot_api::answer::Answer;

impl People {
    /// Executes a method that sends one message.
    pub(super) fn send(&mut self, r: &MethodCall<'_>) -> MethodResult {
        // Like on the server, the content is checked before the chat.
        let mut content = content::of(r)?;
        content::put_markup(r, &mut content)?;
        let chat_id = self.writable(r)?;
        self.put_place(r, chat_id, &mut content)?;
        let bot = self.bot.clone();
        let message = self.post(chat_id, &bot, content);
        self.remember_invoice(r, chat_id, &message);
        self.show_keyboard(r, chat_id);
        Ok(message)
    }

    /// Executes `sendMediaGroup`.
    pub(super) fn send_album(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let items = r.get("media").and_then(Value::as_array);
        let items = items.map(Vec::as_slice).unwrap_or_default();
        match items.len() {
            0 => return Err(bad("there are no messages to send")),
            1..=10 => {}
            _ => return Err(bad("too many messages to send as an album")),
        }
        let contents: Vec<_> = items
            .iter()
            .map(|item| media::of_item(r, item))
            .collect::<Result<_, _>>()?;
        let chat_id = self.writable(r)?;
        let group = self.next_id().to_string();
        let bot = self.bot.clone();
        let mut messages = Vec::new();
        for mut content in contents {
            self.put_place(r, chat_id, &mut content)?;
            content.insert("media_group_id".to_owned(), group.as_str().into());
            messages.push(self.post(chat_id, &bot, content));
        }
        Ok(messages.into())
    }

    /// Adds the message that the content replies to, and its topic.
    pub(super) fn put_place(
        &mut self,
        r: &MethodCall<'_>,
        chat_id: i64,
        content: &mut Map<String, Value>,
    ) -> Result<(), Answer> {
        self.put_answered(r, chat_id, content)?;
        self.put_topic(r, chat_id, content)
    }

    /// Adds the message that the call replies to.
    fn put_answered(
        &self,
        r: &MethodCall<'_>,
        chat_id: i64,
        content: &mut Map<String, Value>,
    ) -> Result<(), Answer> {
        let Some(reply) = r.get("reply_parameters") else {
            return Ok(());
        };
        let Some(message_id) = reply["message_id"].as_i64() else {
            return Ok(());
        };
        let elsewhere = reply["chat_id"].as_i64().filter(|id| *id != chat_id);
        if let Some(message) = self.quoted(elsewhere.unwrap_or(chat_id), message_id) {
            if elsewhere.is_none() {
                content.insert("reply_to_message".to_owned(), message);
            }
            if let Some(quote) = reply["quote"].as_str() {
                let position = reply["quote_position"].as_i64().unwrap_or(0);
                let quote = json!({"text": quote, "position": position, "is_manual": true});
                content.insert("quote".to_owned(), quote);
            }
            return Ok(());
        }
        let is_made_up = self.chats.get(&chat_id).is_none_or(|chat| chat.is_made_up);
        if is_made_up || reply["allow_sending_without_reply"] == true {
            return Ok(());
        }
        Err(bad("message to be replied not found"))
    }

    /// Shows or removes the custom keyboard of a chat.
    fn show_keyboard(&mut self, r: &MethodCall<'_>, chat_id: i64) {
        let Some(markup) = r.get("reply_markup") else {
            return;
        };
        if let Some(chat) = self.chats.get_mut(&chat_id) {
            if markup["keyboard"].is_array() {
                chat.keyboard = Some(markup.clone());
            } else if markup["remove_keyboard"] == true {
                chat.keyboard = None;
            }
        }
    }

    /// Remembers the hidden part of an invoice.
    fn remember_invoice(&mut self, r: &MethodCall<'_>, chat_id: i64, message: &Value) {
        if r.method.name != "sendInvoice" {
            return;
        }
        let id = message["message_id"].as_i64().unwrap_or_default();
        if let Some(entry) = self.entry_mut(chat_id, id) {
            let invoice = json!({"payload": r.text("payload"), "is_flexible": r.is("is_flexible")});
            entry.invoice = Some(invoice);
        }
    }
}
