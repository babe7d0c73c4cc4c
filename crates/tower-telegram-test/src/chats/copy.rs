//! Methods that forward and copy messages.

use serde_json::{Map, Value, json};

use super::{
    content,
    message_entry::content_of,
    method_call::{MethodCall, MethodResult, bad},
    people::People,
    text,
};
use crate::bot_api::answer::Answer;

impl People {
    /// Executes `forwardMessage` and `forwardMessages`.
    pub(super) fn forward(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let contents = self.originals(r, "forward")?;
        let chat_id = self.writable(r)?;
        let bot = self.bot.clone();
        let mut sent = Vec::new();
        for original in contents {
            let mut content = content_of(&original);
            if !original.is_null() {
                content.insert("forward_origin".to_owned(), origin(&original));
            }
            self.put_place(r, chat_id, &mut content)?;
            sent.push(self.post(chat_id, &bot, content));
        }
        if r.has("message_ids") {
            return Ok(sent.iter().map(message_id).collect());
        }
        Ok(sent.pop().unwrap_or_default())
    }

    /// Executes `copyMessage` and `copyMessages`.
    pub(super) fn copy(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let contents = self.originals(r, "copy")?;
        let chat_id = self.writable(r)?;
        let bot = self.bot.clone();
        let mut sent = Vec::new();
        for original in contents {
            let mut content = content_of(&original);
            if r.has("caption") || r.is("remove_caption") {
                content.remove("caption");
                content.remove("caption_entities");
                let around = Value::Object(r.params.clone());
                text::put_caption(r.get("caption"), &around, &mut content)?;
            }
            content::put_markup(r, &mut content)?;
            self.put_place(r, chat_id, &mut content)?;
            sent.push(self.post(chat_id, &bot, content));
        }
        if r.has("message_ids") {
            return Ok(sent.iter().map(message_id).collect());
        }
        Ok(sent.last().map(message_id).unwrap_or_default())
    }

    /// The messages to send again; `null` for a message that has to be made up.
    fn originals(&mut self, r: &MethodCall<'_>, verb: &str) -> Result<Vec<Value>, Answer> {
        let from = self.chat_in(r, "from_chat_id")?;
        let chat = &self.chats[&from];
        let is_one = r.has("message_id");
        let ids = match r.integer("message_id") {
            Some(id) => vec![id],
            None => r.integers("message_ids"),
        };
        let mut originals = Vec::new();
        for id in ids {
            match chat.messages.get(&id) {
                Some(entry) if entry.message["has_protected_content"] == true => {
                    let verb = if verb == "copy" {
                        "copied"
                    } else {
                        "forwarded"
                    };
                    return Err(bad(&format!("message can't be {verb}")));
                }
                Some(entry) => originals.push(entry.message.clone()),
                None if chat.is_made_up => originals.push(Value::Null),
                None if is_one => return Err(bad(&format!("message to {verb} not found"))),
                // Of several messages, unknown ones are skipped.
                None => {}
            }
        }
        if originals.is_empty() {
            return Err(bad(&format!("there are no messages to {verb}")));
        }
        Ok(originals)
    }
}

/// The origin of a message. A forwarded message keeps the first one.
pub(crate) fn origin(message: &Value) -> Value {
    if !message["forward_origin"].is_null() {
        return message["forward_origin"].clone();
    }
    let date = &message["date"];
    if message["sender_chat"].is_null() {
        return json!({"type": "user", "date": date, "sender_user": message["from"]});
    }
    json!({"type": "channel", "date": date, "chat": message["sender_chat"], "message_id": message["message_id"]})
}

/// The result of copying a message: its number alone.
fn message_id(message: &Value) -> Value {
    let id = ("message_id".to_owned(), message["message_id"].clone());
    Map::from_iter([id]).into()
}
