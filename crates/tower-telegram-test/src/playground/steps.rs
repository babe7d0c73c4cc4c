//! The steps of a conversation, and the updates they are made of.

use serde_json::{Value, json};

use crate::{Call, update};

/// The person that the updates come from.
pub(super) const USER: i64 = 7_000_042;

/// A step of the conversation.
#[derive(Clone, Debug)]
pub(super) enum PlaygroundStep {
    /// Telegram sends an update.
    Update { update: Value, remark: String },
    /// The person presses the button with this label.
    Press(String),
    /// A request with another secret than the webhook's.
    Intrude,
}

/// A message with this text, to the bot in private.
pub(super) fn said(text: &str) -> Value {
    if text.starts_with('/') {
        update::command(USER, text)
    } else {
        update::text(USER, text)
    }
}

/// An update of a type that few bots ask for.
pub(super) fn poll_answer() -> Value {
    let user = json!({"id": USER, "is_bot": false, "first_name": "Ada"});
    json!({"poll_answer": {"poll_id": "5368324170671202286", "user": user, "option_ids": [0], "option_persistent_ids": ["0"]}})
}

/// The callback data of the newest button with this label.
pub(super) fn data_of_button(calls: &[Call], label: &str) -> Option<String> {
    calls.iter().rev().find_map(|call| {
        let keyboard = call.json("reply_markup")?;
        let rows = keyboard["inline_keyboard"].as_array()?;
        let mut buttons = rows.iter().filter_map(Value::as_array).flatten();
        let button = buttons.find(|button| button["text"] == label)?;
        button["callback_data"].as_str().map(str::to_owned)
    })
}

/// The update's type, and the object that it is about.
pub(super) fn payload(update: &Value) -> (&str, &Value) {
    let members = update.as_object().into_iter().flatten();
    let mut payloads = members.filter(|(key, _)| *key != "update_id");
    payloads
        .next()
        .map_or(("", &Value::Null), |(key, value)| (key, value))
}

/// The text of an update that a person would see.
pub(super) fn summary(payload: &Value) -> String {
    let text = ["text", "data", "caption", "query"]
        .into_iter()
        .find_map(|key| payload[key].as_str());
    match (text, &payload["photo"]) {
        (Some(text), Value::Array(_)) => format!("[photo] {text}"),
        (Some(text), _) => text.to_owned(),
        (None, Value::Array(_)) => "[photo]".to_owned(),
        (None, _) => String::new(),
    }
}

/// A call of the bot, with what a person would see of it.
pub(super) fn describe(call: &Call, remark: &str) -> String {
    let text = ["text", "caption"]
        .into_iter()
        .find_map(|key| call.text(key));
    let files: usize = call.files.iter().map(|file| file.bytes.len()).sum();
    let keyboard = call.params.contains_key("reply_markup");
    [
        Some(call.method.clone() + remark),
        text.map(|text| format!("“{text}”")),
        (files > 0).then(|| format!("+{files} bytes")),
        keyboard.then(|| "+keyboard".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" ")
}

#[cfg(test)]
mod tests {
    use super::{payload, said, summary};

    #[test]
    fn a_text_with_a_slash_is_a_command() {
        let update = said("/start now");
        let (kind, message) = payload(&update);
        assert_eq!(kind, "message");
        assert_eq!(message["entities"][0]["type"], "bot_command");
        assert_eq!(summary(message), "/start now");
        assert!(payload(&said("start")).1["entities"].is_null());
    }
}
