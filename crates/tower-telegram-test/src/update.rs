//! Updates as Telegram sends them, to start a test from.
//!
//! Each function returns an update without `update_id`, which
//! [`Telegram::deliver`](super::Telegram::deliver) fills in. Change any member that matters to the test:
//!
//! ```
//! use tower_telegram_test::update;
//!
//! let mut update = update::text(7, "hello");
//! update["message"]["from"]["language_code"] = "de".into();
//! assert_eq!(update["message"]["chat"]["id"], 7);
//! ```
//!
//! Commands, mentions, tags and URLs in a text or a caption have the entities that Telegram finds. A test
//! that changes the text has to change `entities` too.
//!
//! Message IDs count up in the whole process, and dates are the present. Users are called Ada, groups
//! Engines.

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use crate::{clock::unix_now, format};

/// A text that a user sends to the bot in a private chat.
pub fn text(user_id: i64, text: &str) -> Value {
    json!({"message": message(&private_chat(user_id), user_id, text)})
}

/// A text that a user sends to a group. IDs of supergroups are below -1 000 000 000 000, those of groups
/// below 0.
pub fn group_text(chat_id: i64, user_id: i64, text: &str) -> Value {
    let kind = if chat_id < -1_000_000_000_000 {
        "supergroup"
    } else {
        "group"
    };
    let chat = json!({"id": chat_id, "type": kind, "title": "Engines"});
    json!({"message": message(&chat, user_id, text)})
}

/// A command with its argument, in a private chat: `command(7, "/start deep-link")`. The command is the
/// text up to the first white space.
pub fn command(user_id: i64, line: &str) -> Value {
    let command = line.split_whitespace().next().unwrap_or_default();
    let length = command.encode_utf16().count();
    let mut update = text(user_id, line);
    let mut entities = vec![json!({"type": "bot_command", "offset": 0, "length": length})];
    let detected = update["message"]["entities"].as_array();
    let further = detected.into_iter().flatten();
    let further = further.filter(|entity| entity["offset"].as_u64() >= Some(length as u64));
    entities.extend(further.cloned());
    update["message"]["entities"] = entities.into();
    update
}

/// A text that a user has changed, in a private chat.
pub fn edited_text(user_id: i64, message_id: i64, text: &str) -> Value {
    let mut message = message(&private_chat(user_id), user_id, text);
    message["message_id"] = message_id.into();
    message["edit_date"] = unix_now().into();
    json!({"edited_message": message})
}

/// A photo in two sizes, in a private chat. No caption if `caption` is empty.
pub fn photo(user_id: i64, caption: &str) -> Value {
    let mut message = message(&private_chat(user_id), user_id, "");
    if let Some(message) = message.as_object_mut() {
        message.remove("text");
        if !caption.is_empty() {
            message.insert("caption".to_owned(), caption.into());
        }
        format::mark(message);
    }
    message["photo"] = json!([
        {"file_id": "AgACAgIAAxkBAAIS", "file_unique_id": "AQADS3g", "width": 90, "height": 67, "file_size": 1253},
        {"file_id": "AgACAgIAAxkBAAIB", "file_unique_id": "AQADB3k", "width": 800, "height": 600, "file_size": 96_840},
    ]);
    json!({"message": message})
}

/// A press of a button below a message that the bot has sent to a private chat.
pub fn callback_query(user_id: i64, data: &str) -> Value {
    let mut message = message(&private_chat(user_id), user_id, "Choose");
    message["from"] =
        json!({"id": 1, "is_bot": true, "first_name": "Test bot", "username": "test_bot"});
    message["reply_markup"] = json!({"inline_keyboard": [[{"text": data, "callback_data": data}]]});
    json!({"callback_query": {
        "id": next_query_id(user_id), "from": user(user_id), "message": message,
        "chat_instance": "-3788500000000000000", "data": data,
    }})
}

/// A query that a user types after the bot's name.
pub fn inline_query(user_id: i64, query: &str) -> Value {
    json!({"inline_query": {
        "id": next_query_id(user_id), "from": user(user_id), "chat_type": "sender", "query": query, "offset": "",
    }})
}

/// An update of a type that no version of the Bot API has.
pub fn unknown(user_id: i64) -> Value {
    json!({"update_from_the_future": {"id": next_query_id(user_id), "from": user(user_id), "date": unix_now()}})
}

/// A message of a user in a chat.
fn message(chat: &Value, user_id: i64, text: &str) -> Value {
    let mut message = json!({
        "message_id": next(), "from": user(user_id), "chat": chat, "date": unix_now(), "text": text,
    });
    message.as_object_mut().map(format::mark);
    message
}

fn user(id: i64) -> Value {
    json!({"id": id, "is_bot": false, "first_name": "Ada", "last_name": "Lovelace", "username": "ada", "language_code": "en"})
}

fn private_chat(user_id: i64) -> Value {
    json!({"id": user_id, "first_name": "Ada", "last_name": "Lovelace", "username": "ada", "type": "private"})
}

/// The upper half is the user's ID, like in real queries.
fn next_query_id(user_id: i64) -> String {
    let id = (i128::from(user_id) << 32) + i128::from(next());
    id.to_string()
}

/// The next number of a message, a query or a file.
fn next() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_marked_in_utf16_units() {
        let update = command(7, "/start@ключ_bot 😀");
        assert_eq!(update["message"]["entities"][0]["length"], 15);
        assert_eq!(update["message"]["chat"]["id"], 7);
    }

    #[test]
    fn texts_and_captions_are_marked_as_telegram_marks_them() {
        let entities = |update: &Value, message: &str, name: &str| {
            let entities = update[message][name].as_array().cloned();
            let kinds = entities.unwrap_or_default().into_iter();
            kinds
                .map(|entity| entity["type"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        for update in [text(7, "/fail now"), group_text(-5, 7, "/fail")] {
            assert_eq!(entities(&update, "message", "entities"), ["bot_command"]);
        }
        let edited = edited_text(7, 1, "see @engines, #tag");
        let kinds = entities(&edited, "edited_message", "entities");
        assert_eq!(kinds, ["mention", "hashtag"]);
        let photo = photo(7, "/look at https://a.b");
        let kinds = entities(&photo, "message", "caption_entities");
        assert_eq!(kinds, ["bot_command", "url"]);
        assert!(photo["message"].get("entities").is_none());
        assert!(text(7, "plain")["message"].get("entities").is_none());
        let command = command(7, "/a /b @engines");
        let kinds = entities(&command, "message", "entities");
        assert_eq!(kinds, ["bot_command", "bot_command", "mention"]);
    }

    #[test]
    fn every_update_has_one_key_and_a_message_of_its_own() {
        let updates = [
            text(7, "a"),
            group_text(-5, 7, "a"),
            command(7, "/a"),
            edited_text(7, 1, "a"),
            photo(7, ""),
            callback_query(7, "a"),
            inline_query(7, "a"),
            unknown(7),
        ];
        assert!(
            updates
                .iter()
                .all(|update| update.as_object().unwrap().len() == 1)
        );
        assert!(
            text(7, "a")["message"]["message_id"].as_i64()
                < text(7, "a")["message"]["message_id"].as_i64()
        );
        assert!(photo(7, "")["message"].get("text").is_none());
    }
}
