//! Messages that are sent through the bot's inline mode.

use serde_json::{Map, Value, json};

use super::people::People;
use crate::{format, schema};

/// A result of an inline query that a user chooses.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) result: Value,
}

impl People {
    /// Sends a result into a chat. Returns the message, and the ID by which the bot knows it.
    pub(crate) fn post_result(
        &mut self,
        chat_id: i64,
        user_id: i64,
        chosen: &Choice,
    ) -> (Value, String) {
        let mut content = content(&chosen.result);
        content.insert("via_bot".to_owned(), self.bot.clone());
        if chosen.result["reply_markup"].is_object() {
            content.insert(
                "reply_markup".to_owned(),
                chosen.result["reply_markup"].clone(),
            );
        }
        let user = self.user(user_id);
        let message = self.post(chat_id, &user, content);
        let inline_message_id = format!("inline-{}", self.next_id());
        let message_id = message["message_id"].as_i64().unwrap_or_default();
        self.inline
            .insert(inline_message_id.clone(), (chat_id, message_id));
        (message, inline_message_id)
    }
}

/// The content of a result's message: its `input_message_content`, or its own media.
fn content(result: &Value) -> Map<String, Value> {
    let mut content = Map::new();
    let input = &result["input_message_content"];
    if let Some(text) = input["message_text"].as_str() {
        let parse_mode = input["parse_mode"].as_str().unwrap_or_default();
        let formatted = format::format(text, parse_mode, input.get("entities"));
        let formatted = formatted.unwrap_or_default();
        content.insert("text".to_owned(), formatted.text.into());
        if !formatted.entities.is_empty() {
            content.insert("entities".to_owned(), formatted.entities.into());
        }
        return content;
    }
    if input["latitude"].is_number() {
        let location = json!({"latitude": input["latitude"], "longitude": input["longitude"]});
        content.insert("location".to_owned(), location);
        return content;
    }
    if input["phone_number"].is_string() {
        let contact =
            json!({"phone_number": input["phone_number"], "first_name": input["first_name"]});
        content.insert("contact".to_owned(), contact);
        return content;
    }
    let kind = match result["type"].as_str().unwrap_or_default() {
        "gif" | "mpeg4_gif" => "animation",
        kind => kind,
    };
    let type_ = match kind {
        "photo" => "PhotoSize",
        "audio" => "Audio",
        "video" => "Video",
        "voice" => "Voice",
        "animation" => "Animation",
        "sticker" => "Sticker",
        "location" | "venue" | "contact" | "game" | "article" => {
            content.insert(
                "text".to_owned(),
                result["title"].as_str().unwrap_or(kind).into(),
            );
            return content;
        }
        _ => "Document",
    };
    let media = schema::get().make(type_, &|_, _| None);
    let media = if kind == "photo" {
        json!([media])
    } else {
        media
    };
    content.insert(kind.to_owned(), media);
    if let Some(caption) = result["caption"].as_str() {
        content.insert("caption".to_owned(), caption.into());
    }
    content
}
