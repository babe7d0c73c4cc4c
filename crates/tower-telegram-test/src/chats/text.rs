//! Texts and captions of messages, with their formatting and limits.

use serde_json::{Map, Value};

use super::method_call::{MethodCall, bad};
use crate::{
    bot_api::answer::Answer,
    format::{self, Formatted},
};

const MAX_TEXT: usize = 4096;
const MAX_CAPTION: usize = 1024;

/// Adds a field to a message.
pub(super) fn put(content: &mut Map<String, Value>, name: &str, value: Value) {
    content.insert(name.to_owned(), value);
}

/// Adds the text of `sendMessage` or `editMessageText`.
pub(super) fn put_text(r: &MethodCall<'_>, content: &mut Map<String, Value>) -> Result<(), Answer> {
    let formatted = format::format(r.text("text"), r.text("parse_mode"), r.get("entities"));
    let formatted = formatted.map_err(|problem| bad(&problem))?;
    if formatted.text.is_empty() {
        return Err(bad("message text is empty"));
    }
    if formatted.text.chars().count() > MAX_TEXT {
        return Err(bad("message is too long"));
    }
    put_formatted(formatted, "text", "entities", content);
    Ok(())
}

/// Adds the caption in `around`, which is a call or an item of an album.
pub(super) fn put_caption(
    caption: Option<&Value>,
    around: &Value,
    content: &mut Map<String, Value>,
) -> Result<(), Answer> {
    let Some(caption) = caption.and_then(Value::as_str) else {
        return Ok(());
    };
    let parse_mode = around["parse_mode"].as_str().unwrap_or_default();
    let formatted = format::format(caption, parse_mode, around.get("caption_entities"));
    let formatted = formatted.map_err(|problem| bad(&problem))?;
    if formatted.text.chars().count() > MAX_CAPTION {
        return Err(bad("message caption is too long"));
    }
    if !formatted.text.is_empty() {
        put_formatted(formatted, "caption", "caption_entities", content);
    }
    Ok(())
}

/// Adds a text and its entities, if there are any.
fn put_formatted(
    formatted: Formatted,
    text: &str,
    entities: &str,
    content: &mut Map<String, Value>,
) {
    put(content, text, formatted.text.into());
    if !formatted.entities.is_empty() {
        put(content, entities, formatted.entities.into());
    }
}
