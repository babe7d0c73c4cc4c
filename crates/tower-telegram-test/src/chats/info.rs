//! Methods that read and change a chat: `getChat`, its title, photo and permissions, pinned messages.

use serde_json::{Map, Value, json};

use super::{
    chat_state::{ChatKind, ChatState},
    media,
    member::Rights,
    method_call::{MethodCall, MethodResult, bad},
    people::People,
};
use crate::{bot_api::answer::Answer, schema};

impl People {
    /// Executes `getChat` and the methods that change a chat.
    pub(super) fn chat_info(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let id = self.open(r)?;
        let bot_id = self.bot_id();
        let chat = &self.chats[&id];
        let what = match r.method.name {
            "getChat" => return Ok(chat.full()),
            "setChatTitle" => "title",
            "setChatDescription" => "description",
            "setChatPermissions" => "permissions",
            _ => "photo",
        };
        if chat.kind == ChatKind::Private {
            return Err(bad(&format!("can't change private chat {what}")));
        }
        let right = if what == "permissions" {
            Rights::RESTRICT
        } else {
            Rights::INFO
        };
        if !chat.allows(bot_id, right) {
            return Err(bad(&format!("not enough rights to change chat {what}")));
        }
        let service = self.set_info(r, id)?;
        if !service.is_empty() {
            let bot = self.bot.clone();
            self.post(id, &bot, service);
        }
        Ok(true.into())
    }

    /// Changes the chat, and returns the content of the message about the change.
    fn set_info(&mut self, r: &MethodCall<'_>, id: i64) -> Result<Map<String, Value>, Answer> {
        let mut service = Map::new();
        let Some(chat) = self.chats.get_mut(&id) else {
            return Ok(service);
        };
        match r.method.name {
            "setChatTitle" => {
                let title = r.text("title").trim();
                if title.is_empty() {
                    return Err(bad("title must be non-empty"));
                }
                if chat.title() == title {
                    return Err(bad("CHAT_NOT_MODIFIED"));
                }
                chat.info.insert("title".to_owned(), title.into());
                service.insert("new_chat_title".to_owned(), title.into());
            }
            "setChatDescription" => {
                let description = r.text("description");
                let current = chat.details.get("description").and_then(Value::as_str);
                if current.unwrap_or_default() == description {
                    return Err(bad("chat description is not modified"));
                }
                chat.details
                    .insert("description".to_owned(), description.into());
            }
            "setChatPhoto" => {
                let photo = media::file(r, "PhotoSize", "photo", r.text("photo"));
                let small = ["file_id", "file_unique_id"].map(|name| photo[name].clone());
                let [id, unique_id] = small;
                chat.details.insert(
                    "photo".to_owned(),
                    json!({
                        "small_file_id": id, "small_file_unique_id": unique_id,
                        "big_file_id": id, "big_file_unique_id": unique_id,
                    }),
                );
                service.insert("new_chat_photo".to_owned(), json!([photo]));
            }
            "deleteChatPhoto" => {
                if chat.details.remove("photo").is_none() && !chat.is_made_up {
                    return Err(bad("CHAT_NOT_MODIFIED"));
                }
                service.insert("delete_chat_photo".to_owned(), true.into());
            }
            _ => {
                let permissions = r.get("permissions").cloned().unwrap_or_default();
                chat.details.insert("permissions".to_owned(), permissions);
            }
        }
        Ok(service)
    }

    /// Executes `pinChatMessage` and the other methods for pinned messages.
    pub(super) fn pin(&mut self, r: &MethodCall<'_>) -> MethodResult {
        let id = self.open(r)?;
        let bot_id = self.bot_id();
        let verb = if r.method.name == "pinChatMessage" {
            "pin"
        } else {
            "unpin"
        };
        let Some(chat) = self.chats.get_mut(&id) else {
            return Ok(true.into());
        };
        if !chat.allows(bot_id, Rights::PIN) {
            return Err(bad(
                "not enough rights to manage pinned messages in the chat",
            ));
        }
        let message_id = match r.integer("message_id") {
            None if r.method.name == "unpinAllChatMessages" => {
                chat.pinned.clear();
                return Ok(true.into());
            }
            None => chat.pinned.last().copied(),
            Some(id) => Some(id),
        };
        let known = message_id.filter(|id| chat.messages.contains_key(id));
        let Some(message_id) = known else {
            if chat.is_made_up {
                return Ok(true.into());
            }
            return Err(bad(&format!("message to {verb} not found")));
        };
        chat.pinned.retain(|pinned| *pinned != message_id);
        if verb == "pin" {
            chat.pinned.push(message_id);
            let bot = self.bot.clone();
            if let Some(pinned) = self.quoted(id, message_id) {
                self.post(
                    id,
                    &bot,
                    Map::from_iter([("pinned_message".to_owned(), pinned)]),
                );
            }
        }
        Ok(true.into())
    }
}

impl ChatState {
    /// The chat as a `ChatFullInfo`.
    pub(crate) fn full(&self) -> Value {
        let given = |type_: &str, name: &str| match (type_, name) {
            ("Integer", "accent_color_id") => Some(0.into()),
            ("Integer", "max_reaction_count") => Some(11.into()),
            ("Boolean", _) => Some(true.into()),
            _ => None,
        };
        let mut full = schema::get().make("ChatFullInfo", &given);
        for (name, value) in self.info.iter().chain(&self.details) {
            full[name] = value.clone();
        }
        let pinned = self.pinned.last().and_then(|id| self.messages.get(id));
        if let Some(pinned) = pinned {
            full["pinned_message"] = pinned.message.clone();
        }
        let is_primary = |link: &&Value| link["is_primary"] == true && link["is_revoked"] == false;
        if let Some(link) = self.links.iter().rfind(is_primary) {
            full["invite_link"] = link["invite_link"].clone();
        }
        full
    }
}
