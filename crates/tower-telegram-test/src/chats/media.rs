//! Files in messages: uploads, known file IDs, and the objects that describe them.

use serde_json::{Map, Value, json};

use super::{
    method_call::{MethodCall, MethodResult, bad},
    people::People,
    text,
};
use crate::{
    bot_api::answer::Answer,
    schema::{self, files::FileArgument},
};

const WRONG_FILE: &str = "wrong file identifier/HTTP URL specified";

/// For each method that sends a file: the message's field, the field's type, and the argument with the
/// file.
const MEDIA: [(&str, &str, &str, &str); 11] = [
    ("sendPhoto", "photo", "PhotoSize", "photo"),
    ("sendLivePhoto", "live_photo", "LivePhoto", "live_photo"),
    ("sendLivePhoto", "photo", "PhotoSize", "photo"),
    ("sendAudio", "audio", "Audio", "audio"),
    ("sendDocument", "document", "Document", "document"),
    ("sendVideo", "video", "Video", "video"),
    ("sendAnimation", "animation", "Animation", "animation"),
    ("sendAnimation", "document", "Document", "animation"),
    ("sendVoice", "voice", "Voice", "voice"),
    ("sendVideoNote", "video_note", "VideoNote", "video_note"),
    ("sendSticker", "sticker", "Sticker", "sticker"),
];

/// Adds the media of `sendPhoto` and its siblings to a message.
pub(super) fn put(r: &MethodCall<'_>, method: &str, content: &mut Map<String, Value>) {
    let mut uploaded = None;
    for (_, field, type_, argument) in MEDIA.into_iter().filter(|media| media.0 == method) {
        let given = r.text(argument);
        // An animation is a document too, and both are one file.
        let known = uploaded.filter(|_| field == "document");
        let mut media = file(r, type_, argument, known.as_deref().unwrap_or(given));
        uploaded = media["file_id"].as_str().map(str::to_owned);
        for (name, value) in &r.params {
            let is_plain = !value.is_string() || is_text(name);
            if name != argument && is_plain && schema::get().has_field(type_, name) {
                media[name] = value.clone();
            }
        }
        let is_photo = field == "photo";
        let media = if is_photo { json!([media]) } else { media };
        content.insert(field.to_owned(), media);
    }
}

/// Whether all referenced uploads exist; and, where IDs must be known, whether the bot has received each of
/// them.
pub(super) fn check(r: &MethodCall<'_>, is_strict: bool) -> Result<(), Answer> {
    let is_known = |id: &str| !is_strict || r.files.is_known(id);
    for file in schema::get().files(r.method, &r.params) {
        match file {
            FileArgument::Input(file) if file.starts_with("attach://") => {
                r.upload(file).ok_or_else(|| bad(WRONG_FILE))?;
            }
            FileArgument::Input(file) if !file.contains("://") && !is_known(file) => {
                return Err(bad(WRONG_FILE));
            }
            FileArgument::Id(id) if !is_known(id) => {
                let text = "wrong remote file identifier specified: can't unserialize it";
                return Err(bad(text));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether an argument is copied as text. Others, such as thumbnails, are files themselves.
fn is_text(name: &str) -> bool {
    ["title", "performer", "emoji"].contains(&name)
}

/// The content for an `InputMedia`.
pub(super) fn of_item(r: &MethodCall<'_>, item: &Value) -> Result<Map<String, Value>, Answer> {
    let kind = item["type"].as_str().unwrap_or_default();
    let type_ = match kind {
        "photo" => "PhotoSize",
        "live_photo" => "LivePhoto",
        "audio" => "Audio",
        "video" => "Video",
        "animation" => "Animation",
        _ => "Document",
    };
    let given = item["media"].as_str().unwrap_or_default();
    let media = file(r, type_, kind, given);
    let media = if kind == "photo" {
        json!([media])
    } else {
        media
    };
    let mut content = Map::new();
    content.insert(kind.to_owned(), media);
    if kind == "animation" {
        let id = content[kind]["file_id"]
            .as_str()
            .unwrap_or(given)
            .to_owned();
        let document = file(r, "Document", "document", &id);
        content.insert("document".to_owned(), document);
    }
    text::put_caption(item.get("caption"), item, &mut content)?;
    if item["has_spoiler"] == true {
        content.insert("has_media_spoiler".to_owned(), true.into());
    }
    Ok(content)
}

/// The `PaidMediaInfo` of `sendPaidMedia`.
pub(super) fn paid(r: &MethodCall<'_>) -> Result<Value, Answer> {
    let items = r.get("media").and_then(Value::as_array);
    let mut media = Vec::new();
    for item in items.into_iter().flatten() {
        let kind = item["type"].as_str().unwrap_or_default();
        let content = of_item(r, item)?;
        let file = content.get(kind).cloned().unwrap_or_default();
        media.push(json!({"type": kind, kind: file}));
    }
    if media.is_empty() {
        return Err(bad("there are no messages to send"));
    }
    Ok(json!({"star_count": r.integer("star_count"), "paid_media": media}))
}

/// The object of that type for an upload, a known file, or an unknown ID.
pub(super) fn file(r: &MethodCall<'_>, type_: &'static str, kind: &str, given: &str) -> Value {
    let schema = schema::get();
    let mut file = schema.make(type_, &|_, _| None);
    let files = &r.files;
    let described = match r.upload(given) {
        Some(upload) => {
            let id = files.add_upload(kind, upload);
            if schema.has_field(type_, "file_name") {
                file["file_name"] = upload.file_name.as_str().into();
            }
            if schema.has_field(type_, "mime_type") {
                file["mime_type"] = upload.content_type.as_str().into();
            }
            files.describe(&id)
        }
        None if given.contains("://") || given.is_empty() => None,
        None => Some(files.describe(given).unwrap_or_else(|| unknown(given))),
    };
    let described = described.unwrap_or_else(|| {
        let id = format!("{kind}-{}", files.next_number());
        files.record(&id);
        unknown(&id)
    });
    for name in ["file_id", "file_unique_id", "file_size"] {
        if !described[name].is_null() {
            file[name] = described[name].clone();
        }
    }
    file
}

/// The object for a file of which only the ID is known.
fn unknown(id: &str) -> Value {
    json!({"file_id": id, "file_unique_id": format!("unique-{id}"), "file_size": 1024})
}

impl People {
    /// Executes `getFile`. An unknown file is made up if the test allows it.
    pub(super) fn get_file(&self, r: &MethodCall<'_>) -> MethodResult {
        let id = r.text("file_id");
        if let Some(file) = r.files.describe(id) {
            let is_large = file["file_size"].as_u64() > Some(r.files.max_download);
            if is_large && !r.files.is_local(id) {
                return Err(bad("file is too big"));
            }
            return Ok(file);
        }
        if self.is_strict() && !r.files.is_known(id) {
            return Err(bad("invalid file_id"));
        }
        let mut file = unknown(id);
        file["file_path"] = format!("documents/{id}").into();
        Ok(file)
    }
}
