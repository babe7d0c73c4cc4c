//! Methods that edit and delete messages.

use serde_json::{Map, Value, json};

use super::{
    content, media,
    member::Rights,
    message_entry::content_of,
    method_call::{MethodCall, MethodResult, bad},
    people::People,
    text,
};
use crate::bot_api::answer::Answer;

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly \
    the same as a current content and reply markup of the message";

impl People {
    /// Executes the `editMessage…` methods.
    pub(super) fn edit(&mut self, r: &MethodCall<'_>) -> MethodResult {
        if !r.has("chat_id") {
            return self.edit_inline(r);
        }
        let change = Change::read(r)?;
        let chat_id = self.open(r)?;
        let message_id = r
            .integer("message_id")
            .ok_or_else(|| bad("message identifier is not specified"))?;
        if let Some(message) = self.change(r, chat_id, message_id, &change)? {
            return Ok(message);
        }
        let chat = &self.chats[&chat_id];
        if !chat.is_made_up {
            return Err(bad("message to edit not found"));
        }
        let mut message = json!({
            "message_id": message_id, "from": self.bot, "chat": chat.value(), "date": self.clock.unix(), "edit_date": self.clock.unix(),
        });
        change.apply(&mut message);
        Ok(message)
    }

    /// Edits a message that was sent through the inline mode.
    fn edit_inline(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let id = r.text("inline_message_id");
        if id.is_empty() {
            return Err(bad("message identifier is not specified"));
        }
        let change = Change::read(r)?;
        match self.inline.get(id).copied() {
            Some((chat_id, message_id)) => {
                self.change(r, chat_id, message_id, &change)?;
            }
            None if self.is_strict() => return Err(bad("MESSAGE_ID_INVALID")),
            None => {}
        }
        Ok(true.into())
    }

    /// Changes a known message, and returns it.
    fn change(
        &mut self,
        r: &MethodCall<'_>,
        chat_id: i64,
        message_id: i64,
        change: &Change,
    ) -> Result<Option<Value>, Answer> {
        let is_made_up = self.chats.get(&chat_id).is_none_or(|chat| chat.is_made_up);
        let bot_id = self.bot_id();
        let now = self.clock.unix();
        let Some(entry) = self.entry_mut(chat_id, message_id) else {
            return Ok(None);
        };
        let is_via_bot = entry.message["via_bot"]["id"] == bot_id;
        if !(entry.is_bots || is_via_bot || is_made_up) {
            return Err(bad("message can't be edited"));
        }
        check(r, &entry.message)?;
        let mut message = entry.message.clone();
        change.apply(&mut message);
        let is_same = |name: &str| message.get(name) == entry.message.get(name);
        let is_edit =
            r.method.name.starts_with("editMessage") && r.method.name != "editMessageLiveLocation";
        if is_edit && content_of(&message) == content_of(&entry.message) && is_same("reply_markup")
        {
            return Err(bad(NOT_MODIFIED));
        }
        if content_of(&message) != content_of(&entry.message) {
            message["edit_date"] = now.into();
        }
        entry.message = message.clone();
        Ok(Some(message))
    }

    /// Executes `deleteMessage` and `deleteMessages`.
    pub(super) fn delete(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let chat_id = self.open(r)?;
        let chat = &self.chats[&chat_id];
        let (is_one, bot_id) = (r.has("message_id"), self.bot_id());
        let ids = match r.integer("message_id") {
            Some(id) => vec![id],
            None => r.integers("message_ids"),
        };
        let may_delete =
            chat.kind == super::ChatKind::Private || chat.allows(bot_id, Rights::DELETE);
        for id in &ids {
            match chat.messages.get(id) {
                None if is_one && !chat.is_made_up => {
                    return Err(bad("message to delete not found"));
                }
                Some(entry) if !(entry.is_bots || may_delete) => {
                    return Err(bad("message can't be deleted"));
                }
                _ => {}
            }
        }
        for id in ids {
            self.remove_message(chat_id, id);
        }
        Ok(true.into())
    }

    /// Deletes a message, also from the pinned ones.
    fn remove_message(&mut self, chat_id: i64, id: i64) {
        if let Some(chat) = self.chats.get_mut(&chat_id) {
            chat.messages.remove(&id);
            chat.pinned.retain(|pinned| *pinned != id);
        }
    }
}

/// The change of a message by an edit.
struct Change {
    /// The fields that are removed before the new ones are added.
    replaces: &'static [&'static str],
    content: Map<String, Value>,
}

const MEDIA: &[&str] = &[
    "animation",
    "audio",
    "document",
    "live_photo",
    "photo",
    "video",
    "voice",
    "caption",
    "caption_entities",
    "has_media_spoiler",
    "show_caption_above_media",
    "text",
    "entities",
];

impl Change {
    /// The change in the arguments, checked like the content of a new message.
    fn read(r: &MethodCall<'_>) -> Result<Self, Answer> {
        let mut content = Map::new();
        content::put_markup(r, &mut content)?;
        let replaces: &[&str] = match r.method.name {
            "editMessageText" if !r.has("text") && r.has("rich_message") => {
                content.insert("rich_message".to_owned(), json!({"blocks": []}));
                &["text", "entities"]
            }
            "editMessageText" => {
                text::put_text(r, &mut content)?;
                if let Some(options) = r.get("link_preview_options") {
                    content.insert("link_preview_options".to_owned(), options.clone());
                }
                &["text", "entities", "link_preview_options", "rich_message"]
            }
            "editMessageCaption" => {
                let around = Value::Object(r.params.clone());
                text::put_caption(r.get("caption"), &around, &mut content)?;
                &["caption", "caption_entities"]
            }
            "editMessageMedia" => {
                let item = r.get("media").cloned().unwrap_or_default();
                content.extend(media::of_item(r, &item)?);
                MEDIA
            }
            "editMessageChecklist" => {
                content::put_checklist(r, &mut content)?;
                &["checklist"]
            }
            "editMessageLiveLocation" => {
                let mut location = Map::new();
                for name in [
                    "latitude",
                    "longitude",
                    "horizontal_accuracy",
                    "heading",
                    "live_period",
                    "proximity_alert_radius",
                ] {
                    location.extend(r.get(name).map(|value| (name.to_owned(), value.clone())));
                }
                content.insert("location".to_owned(), location.into());
                &[]
            }
            "setGameScore" => &["game_score"],
            _ => &[],
        };
        Ok(Self { replaces, content })
    }

    /// Applies the change. An edit without a keyboard removes the message's keyboard.
    fn apply(&self, message: &mut Value) {
        let Some(message) = message.as_object_mut() else {
            return;
        };
        for name in self.replaces.iter().chain(&["reply_markup"]) {
            message.remove(*name);
        }
        for (name, value) in &self.content {
            message.insert(name.clone(), value.clone());
        }
    }
}

/// Whether the message is of the kind that the method edits.
fn check(r: &MethodCall<'_>, message: &Value) -> Result<(), Answer> {
    let has = |name: &str| !message[name].is_null();
    match r.method.name {
        "editMessageText"
            if !(has("text") || has("rich_message")) && MEDIA.iter().any(|name| has(name)) =>
        {
            Err(bad("there is no text in the message to edit"))
        }
        "editMessageCaption" if has("text") => {
            Err(bad("there is no caption in the message to edit"))
        }
        _ => Ok(()),
    }
}
