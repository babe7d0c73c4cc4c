//! Messages and chats as the Bot API returns them, made from a call's arguments.

use serde_json::{Value, json};

use super::{answer::Answer, args::Args, state::State};

/// What `sendMessage` and its siblings return. `name` is the method in lower case.
pub(super) fn sent(state: &State, name: &str, args: &Args) -> Result<Value, Answer> {
    let mut message = empty(state, args)?;
    let content = name.strip_prefix("send").unwrap_or(name);
    match content {
        "message" => {
            let text = args.text("text");
            if text.is_empty() {
                return Err(Answer::error(400, "Bad Request: message text is empty"));
            }
            message["text"] = text.into();
            copy(args, "entities", &mut message, "entities");
        }
        "photo" => message["photo"] = json!([media(state, args, "photo")?]),
        "livephoto" => {
            message["live_photo"] = media(state, args, "live_photo")?;
            message["photo"] = json!([media(state, args, "photo")?]);
        }
        "videonote" => message["video_note"] = media(state, args, "video_note")?,
        "animation" => {
            message["animation"] = media(state, args, "animation")?;
            message["document"] = media(state, args, "animation")?;
        }
        "audio" | "document" | "video" | "voice" | "sticker" => {
            message[content] = media(state, args, content)?;
        }
        "location" | "venue" => {
            let location = json!({"latitude": number(args, "latitude"), "longitude": number(args, "longitude")});
            if content == "venue" {
                message["venue"] = json!({"location": location, "title": args.text("title"), "address": args.text("address")});
            }
            message["location"] = location;
        }
        "contact" => {
            message["contact"] = json!({"phone_number": args.text("phone_number"), "first_name": args.text("first_name")});
        }
        "dice" => {
            let emoji = Some(args.text("emoji")).filter(|emoji| !emoji.is_empty());
            message["dice"] = json!({"emoji": emoji.as_deref().unwrap_or("🎲"), "value": 4});
        }
        "poll" => message["poll"] = poll(state, args),
        "invoice" => {
            message["invoice"] = json!({
                "title": args.text("title"), "description": args.text("description"), "start_parameter": args.text("start_parameter"),
                "currency": args.text("currency"), "total_amount": 100,
            });
        }
        "game" => {
            message["game"] =
                json!({"title": args.text("game_short_name"), "description": "", "photo": []});
        }
        "checklist" => {
            let checklist = json_of(args, "checklist").unwrap_or_default();
            message["checklist"] = json!({"title": checklist["title"].as_str().unwrap_or_default(), "tasks": checklist["tasks"].as_array().cloned().unwrap_or_default()});
        }
        "paidmedia" => {
            message["paid_media"] =
                json!({"star_count": integer(args, "star_count").unwrap_or(1), "paid_media": []});
        }
        "richmessage" => message["rich_message"] = json!({"blocks": []}),
        _ => {}
    }
    if let Some(caption) = Some(args.text("caption")).filter(|caption| !caption.is_empty()) {
        message["caption"] = caption.into();
        copy(args, "caption_entities", &mut message, "caption_entities");
    }
    add_markup(args, &mut message);
    Ok(message)
}

/// What the `editMessage…` methods return: the message, or `true` for one sent through inline mode.
pub(super) fn edited(state: &State, args: &Args) -> Result<Value, Answer> {
    if !args.text("inline_message_id").is_empty() {
        return Ok(true.into());
    }
    let mut message = empty(state, args)?;
    let id = integer(args, "message_id")
        .ok_or_else(|| Answer::error(400, "Bad Request: message identifier is not specified"))?;
    message["message_id"] = id.into();
    message["edit_date"] = state.now().into();
    for name in ["text", "caption"] {
        if let Some(text) = Some(args.text(name)).filter(|text| !text.is_empty()) {
            message[name] = text.into();
        }
    }
    add_markup(args, &mut message);
    Ok(message)
}

/// What `sendMediaGroup` returns: a message for each item.
pub(super) fn album(state: &State, args: &Args) -> Result<Value, Answer> {
    let Some(Value::Array(items)) = json_of(args, "media") else {
        return Err(Answer::error(
            400,
            "Bad Request: there are no messages to send",
        ));
    };
    let group = state.next_message_id().to_string();
    let messages = items.iter().map(|item| {
        let mut message = empty(state, args)?;
        let kind = item["type"].as_str().unwrap_or("document");
        let file = file(state, item["media"].as_str().unwrap_or_default());
        message[kind] = if kind == "photo" { json!([file]) } else { file };
        message["media_group_id"] = group.as_str().into();
        if let Some(caption) = item["caption"].as_str() {
            message["caption"] = caption.into();
        }
        Ok(message)
    });
    messages.collect()
}

/// The chat that `chat_id` names.
pub(super) fn chat(args: &Args) -> Result<Value, Answer> {
    let chat = args.text("chat_id");
    if chat.is_empty() {
        return Err(Answer::error(400, "Bad Request: chat_id is empty"));
    }
    if let Some(name) = chat.strip_prefix('@') {
        return Ok(
            json!({"id": channel_id(name), "type": "channel", "title": name, "username": name}),
        );
    }
    match chat.parse::<i64>() {
        Err(_) | Ok(0) => Err(Answer::error(400, "Bad Request: chat not found")),
        Ok(id) if id > 0 => Ok(json!({"id": id, "type": "private", "first_name": "Ada"})),
        Ok(id) if id < -1_000_000_000_000 => {
            Ok(json!({"id": id, "type": "supergroup", "title": "Engines"}))
        }
        Ok(id) => Ok(json!({"id": id, "type": "group", "title": "Engines"})),
    }
}

pub(super) fn bot(state: &State) -> Value {
    json!({"id": state.bot_id, "is_bot": true, "first_name": "Test bot", "username": state.user_name})
}

/// A file that was uploaded or is known by its id; it has what any kind of file must have.
pub(super) fn file(state: &State, given: &str) -> Value {
    let id = if given.is_empty() || given.contains("://") {
        format!("file-{}", state.next_message_id())
    } else {
        given.to_owned()
    };
    json!({
        "file_id": id, "file_unique_id": format!("unique-{id}"), "file_size": 1024,
        "width": 320, "height": 240, "length": 240, "duration": 1,
        "type": "regular", "is_animated": false, "is_video": false,
    })
}

pub(super) fn poll(state: &State, args: &Args) -> Value {
    let options = json_of(args, "options").unwrap_or_default();
    let options = options
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(at, option)| {
            let text = option["text"]
                .as_str()
                .or(option.as_str())
                .unwrap_or_default();
            json!({"persistent_id": at.to_string(), "text": text, "voter_count": 0})
        });
    json!({
        "id": state.next_message_id().to_string(), "question": args.text("question"), "options": options.collect::<Vec<_>>(),
        "total_voter_count": 0, "is_closed": false, "is_anonymous": true, "type": "regular",
        "allows_multiple_answers": false, "allows_revoting": false, "members_only": false,
    })
}

pub(super) fn integer(args: &Args, name: &str) -> Option<i64> {
    args.text(name).parse().ok()
}

pub(super) fn json_of(args: &Args, name: &str) -> Option<Value> {
    serde_json::from_str(&args.text(name)).ok()
}

fn empty(state: &State, args: &Args) -> Result<Value, Answer> {
    let chat = chat(args)?;
    let mut message = json!({"message_id": state.next_message_id(), "from": bot(state), "chat": chat, "date": state.now()});
    if let Some(thread) = integer(args, "message_thread_id") {
        message["message_thread_id"] = thread.into();
        message["is_topic_message"] = true.into();
    }
    Ok(message)
}

fn media(state: &State, args: &Args, name: &str) -> Result<Value, Answer> {
    let given = args.text(name);
    let upload = args.file(name);
    if given.is_empty() && upload.is_none() {
        let name = name.replace('_', " ");
        return Err(Answer::error(
            400,
            format!("Bad Request: there is no {name} in the request"),
        ));
    }
    let mut media = file(state, &given);
    if let Some(upload) = upload {
        media["file_size"] = upload.length.into();
        media["file_name"] = upload.file_name.as_str().into();
        media["mime_type"] = upload.content_type.as_str().into();
    }
    Ok(media)
}

/// Only a keyboard within the message comes back.
fn add_markup(args: &Args, message: &mut Value) {
    if let Some(markup) =
        json_of(args, "reply_markup").filter(|markup| markup["inline_keyboard"].is_array())
    {
        message["reply_markup"] = markup;
    }
}

fn copy(args: &Args, name: &str, message: &mut Value, field: &str) {
    if let Some(value) = json_of(args, name).filter(Value::is_array) {
        message[field] = value;
    }
}

fn number(args: &Args, name: &str) -> f64 {
    args.text(name).parse().unwrap_or(0.0)
}

/// The same for the same name: FNV-1a, put into the range of channels.
fn channel_id(name: &str) -> i64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    });
    -1_000_000_000_000 - i64::from(u32::try_from(hash >> 32).unwrap_or(0) | 1)
}
