//! The messages that a user sends.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::person::{User, update_type};
use tower_telegram_types::types::Message;

use super::delivered::{Sent, not_possible};
use crate::{
    bot_api::{files::FileContent, typed},
    chats,
    clock::unix_now,
    error::Error,
    format, schema,
};

impl User {
    /// Sends a text. Commands, mentions, hashtags and URLs in it get the entities that Telegram finds.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn sends(&self, text: &str) -> Result<Sent, Error> {
        self.posts(text_content(text)).await
    }

    /// Replies to a message with a text.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NotPossible`] if the message is deleted.
    pub async fn replies(&self, to: &Message, text: &str) -> Result<Sent, Error> {
        let quoted = self.telegram.people().quoted(to.chat.id, to.message_id);
        let quoted = quoted.ok_or_else(|| not_possible("reply", "the message is not there"))?;
        let mut content = text_content(text);
        content.insert("reply_to_message".to_owned(), quoted);
        self.posts(content).await
    }

    /// Sends a photo, without a caption if `caption` is empty. The bytes aren't checked: the bot gets a
    /// photo of 320 by 240 pixels.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn sends_photo(&self, bytes: impl Into<Bytes>, caption: &str) -> Result<Sent, Error> {
        let mut photo = self.file("photos", "file.jpg", bytes.into(), "PhotoSize");
        (photo["width"], photo["height"]) = (320.into(), 240.into());
        self.posts_file("photo", json!([photo]), caption).await
    }

    /// Sends a file, without a caption if `caption` is empty.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn sends_document(
        &self,
        file_name: &str,
        bytes: impl Into<Bytes>,
        caption: &str,
    ) -> Result<Sent, Error> {
        let mut document = self.file("documents", file_name, bytes.into(), "Document");
        document["file_name"] = file_name.into();
        self.posts_file("document", document, caption).await
    }

    /// Sends a video of one second and 320 by 240 pixels, without a caption if `caption` is empty.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn sends_video(&self, bytes: impl Into<Bytes>, caption: &str) -> Result<Sent, Error> {
        let mut video = self.file("videos", "file.mp4", bytes.into(), "Video");
        video["mime_type"] = "video/mp4".into();
        (video["width"], video["height"]) = (320.into(), 240.into());
        self.posts_file("video", video, caption).await
    }

    /// Sends an animation of one second and 320 by 240 pixels, without a caption if `caption` is empty.
    /// Like Telegram's, it is a document too.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn sends_animation(
        &self,
        bytes: impl Into<Bytes>,
        caption: &str,
    ) -> Result<Sent, Error> {
        let mut animation = self.file("animations", "file.mp4", bytes.into(), "Animation");
        animation["mime_type"] = "video/mp4".into();
        (animation["width"], animation["height"]) = (320.into(), 240.into());
        let mut content = file_content("animation", animation.clone(), caption);
        if let Some(animation) = animation.as_object_mut() {
            animation.retain(|name, _| schema::get().has_field("Document", name));
        }
        content.insert("document".to_owned(), animation);
        self.posts(content).await
    }

    /// Sends a piece of music of one second, without a caption if `caption` is empty.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn sends_audio(
        &self,
        file_name: &str,
        bytes: impl Into<Bytes>,
        caption: &str,
    ) -> Result<Sent, Error> {
        let mut audio = self.file("music", file_name, bytes.into(), "Audio");
        (audio["file_name"], audio["mime_type"]) = (file_name.into(), "audio/mpeg".into());
        self.posts_file("audio", audio, caption).await
    }

    /// Sends a voice message of one second, without a caption if `caption` is empty.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn sends_voice(&self, bytes: impl Into<Bytes>, caption: &str) -> Result<Sent, Error> {
        let mut voice = self.file("voice", "file.oga", bytes.into(), "Voice");
        voice["mime_type"] = "audio/ogg".into();
        self.posts_file("voice", voice, caption).await
    }

    /// Sends a location, in degrees.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn sends_location(&self, latitude: f64, longitude: f64) -> Result<Sent, Error> {
        self.sends_content(json!({"location": {"latitude": latitude, "longitude": longitude}}))
            .await
    }

    /// Sends the user's own contact.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`].
    pub async fn sends_contact(&self, phone_number: &str) -> Result<Sent, Error> {
        let user = self.value();
        self.sends_content(json!({"contact": {
            "phone_number": phone_number, "first_name": user["first_name"], "user_id": self.id,
        }}))
        .await
    }

    /// Sends any other message, given as the fields of `Message` that are its content, such as
    /// `json!({"dice": {"emoji": "🎲", "value": 6}})`. A text or caption without entities gets those of
    /// [`sends`](Self::sends).
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::Unreadable`] if the fields aren't a message.
    pub async fn sends_content(&self, content: Value) -> Result<Sent, Error> {
        let content = content.as_object().cloned().unwrap_or_default();
        let mut message = schema::get().make("Message", &|_, _| None);
        for (name, value) in &content {
            message[name] = value.clone();
        }
        typed::read::<Message>("a Message", &message)?;
        self.posts(content).await
    }

    /// Forwards a message of any chat.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NotPossible`] if the message is deleted.
    pub async fn forwards(&self, message: &Message) -> Result<Sent, Error> {
        let quoted = self
            .telegram
            .people()
            .quoted(message.chat.id, message.message_id);
        let original = quoted.ok_or_else(|| not_possible("forward", "the message is not there"))?;
        let mut content = chats::content_of(&original);
        content.insert("forward_origin".to_owned(), chats::origin(&original));
        self.posts(content).await
    }

    /// Presses a button of the latest custom keyboard of the bot: sends its text, or the contact or the
    /// location (0, 0) that it requests.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NoButton`] if no button has that text.
    pub async fn taps(&self, text: &str) -> Result<Sent, Error> {
        let keyboard = self.keyboard();
        let mut buttons = chats::buttons(&keyboard, "keyboard");
        let Some(button) = buttons.find(|button| button["text"] == text) else {
            return Err(no_button(text, &keyboard, "keyboard"));
        };
        let asks = [
            "request_users",
            "request_chat",
            "request_managed_bot",
            "request_poll",
            "web_app",
        ];
        if asks.iter().any(|asks| !button[asks].is_null()) {
            let why = "the button asks for something, see sends_content";
            return Err(not_possible("tap", why));
        }
        if button["request_contact"] == true {
            return self.sends_contact("+10000000000").await;
        }
        if button["request_location"] == true {
            return self.sends_location(0.0, 0.0).await;
        }
        self.sends(text).await
    }

    /// The latest custom keyboard of the bot, `null` if there is none.
    fn keyboard(&self) -> Value {
        let people = self.telegram.people();
        let chat = people.chats.get(&self.chat_id);
        chat.and_then(|chat| chat.keyboard.clone())
            .unwrap_or_default()
    }

    /// Changes the text or the caption of one of this user's messages.
    ///
    /// # Errors
    ///
    /// Those of every action, see [`User`]; [`Error::NotPossible`] if it isn't this user's message, or is
    /// deleted.
    pub async fn edits(&self, message: &Message, text: &str) -> Result<Sent, Error> {
        let edited = self.edit(message, text)?;
        self.tells(edited, true).await
    }

    /// Changes a message, and returns it.
    fn edit(&self, message: &Message, text: &str) -> Result<Value, Error> {
        let mut people = self.telegram.people();
        let entry = people.entry_mut(message.chat.id, message.message_id);
        let entry = entry.ok_or_else(|| not_possible("edit", "the message is not there"))?;
        let is_channel = entry.message["chat"]["type"] == "channel";
        if entry.is_bots || (!is_channel && entry.message["from"]["id"] != self.id) {
            return Err(not_possible("edit", "it is not this person's message"));
        }
        let field = if entry.message["text"].is_null() {
            "caption"
        } else {
            "text"
        };
        let entities = if field == "text" {
            "entities"
        } else {
            "caption_entities"
        };
        entry.message[field] = text.into();
        entry.message[entities] = format::detect(text).into();
        entry.message["edit_date"] = unix_now().into();
        Ok(entry.message.clone())
    }

    /// Adds the message to the chat, and notifies the bot.
    pub(crate) async fn posts(&self, mut content: Map<String, Value>) -> Result<Sent, Error> {
        self.check_place("message")?;
        format::mark(&mut content);
        let message = {
            let mut people = self.telegram.people();
            if let Some(thread) = self.thread {
                people.place(self.chat_id, thread, &mut content);
            }
            let user = people.user(self.id);
            people.start_bot(self.chat_id);
            people.post(self.chat_id, &user, content)
        };
        self.tells(message, false).await
    }

    /// Notifies the bot of a message.
    async fn tells(&self, message: Value, is_edit: bool) -> Result<Sent, Error> {
        let update_type = update_type(&message, is_edit);
        self.check_notified(update_type, &message)?;
        let read = typed::read("a Message", &message)?;
        let delivered = self.telegram.notify_bot(update_type, message).await?;
        Ok(Sent {
            message: read,
            delivered,
        })
    }

    /// Sends a message with a file and a caption.
    async fn posts_file(&self, kind: &str, file: Value, caption: &str) -> Result<Sent, Error> {
        self.posts(file_content(kind, file, caption)).await
    }

    /// Adds a file to the server. Returns the object that describes it.
    fn file(&self, folder: &str, name: &str, bytes: Bytes, type_: &'static str) -> Value {
        let files = &self.telegram.inner.state.files;
        let path = format!("{folder}/{}-{name}", files.next_number());
        let id = files.add(path, FileContent::Bytes(bytes));
        let described = files.describe(&id).unwrap_or_default();
        let mut file = schema::get().make(type_, &|_, _| None);
        for name in ["file_id", "file_unique_id", "file_size"] {
            if !described[name].is_null() {
                file[name] = described[name].clone();
            }
        }
        file
    }
}

/// The error for a button that a keyboard doesn't have.
pub(crate) fn no_button(text: &str, keyboard: &Value, kind: &str) -> Error {
    let texts = chats::buttons(keyboard, kind).filter_map(|button| button["text"].as_str());
    Error::NoButton {
        text: text.to_owned(),
        buttons: texts.map(str::to_owned).collect(),
    }
}

fn text_content(text: &str) -> Map<String, Value> {
    Map::from_iter([("text".to_owned(), text.into())])
}

fn file_content(kind: &str, file: Value, caption: &str) -> Map<String, Value> {
    let mut content = Map::from_iter([(kind.to_owned(), file)]);
    if !caption.is_empty() {
        content.insert("caption".to_owned(), caption.into());
    }
    content
}
