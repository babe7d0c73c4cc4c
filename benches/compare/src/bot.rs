//! The bot: it says a text back, in its answer to the webhook where the crate can do that.

use http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};
use tower_telegram::{methods::SendMessage, types::Update};

use crate::SECRET;

pub async fn ours(update: Update) -> Option<SendMessage> {
    let message = update.message()?;
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

/// frankenstein's parameters know nothing of replies.
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

/// tgbot and teloxide have no replies in their webhooks; there the bot only reads the text.
pub fn tgbot(update: &tgbot::types::Update) -> Option<usize> {
    Some(update.get_message()?.get_text()?.data.len())
}

pub fn teloxide(update: &teloxide::types::Update) -> Option<usize> {
    let teloxide::types::UpdateKind::Message(message) = &update.kind else {
        return None;
    };
    Some(message.text()?.len())
}

/// The check that a bot makes by hand where its crate makes none.
pub fn shows_secret(headers: &HeaderMap) -> bool {
    headers
        .get("x-telegram-bot-api-secret-token")
        .is_some_and(|shown| shown == SECRET)
}
