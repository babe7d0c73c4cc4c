//! The bot: it repeats a text, in the webhook response if the crate supports that.

use http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};
use tower_telegram::{methods::SendMessage, types::Update};

use crate::SECRET;

pub async fn ours(update: Update) -> Option<SendMessage> {
    let message = update.new_message()?;
    Some(SendMessage::new(message.chat.id, message.text.clone()?))
}

pub fn value(update: &Value) -> Option<Value> {
    let message = &update["message"];
    Some(json!({
        "method": "sendMessage",
        "chat_id": message["chat"]["id"].as_i64()?,
        "text": message["text"].as_str()?,
    }))
}

/// frankenstein's parameters have no form for replies.
#[derive(Debug, Serialize)]
pub struct FrankensteinReply {
    method: &'static str,
    chat_id: i64,
    text: String,
}

pub fn frankenstein(update: frankenstein::updates::Update) -> Option<FrankensteinReply> {
    let frankenstein::updates::UpdateContent::Message(message) = update.content else {
        return None;
    };
    Some(FrankensteinReply {
        method: "sendMessage",
        chat_id: message.chat.id,
        text: message.text?,
    })
}

/// The webhooks of tgbot and teloxide have no replies, so the bot only reads the text.
pub fn tgbot(update: &tgbot::types::Update) -> Option<usize> {
    Some(update.get_message()?.get_text()?.data.len())
}

pub fn teloxide(update: &teloxide::types::Update) -> Option<usize> {
    let teloxide::types::UpdateKind::Message(message) = &update.kind else {
        return None;
    };
    Some(message.text()?.len())
}

/// The check of the secret that a bot makes by hand if its crate has none.
pub fn shows_secret(headers: &HeaderMap) -> bool {
    headers
        .get("x-telegram-bot-api-secret-token")
        .is_some_and(|shown| shown == SECRET)
}
