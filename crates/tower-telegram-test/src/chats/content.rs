//! The content of the message that a call sends.

use serde_json::{Map, Value, json};

use super::{
    markup, media,
    method_call::{MethodCall, bad},
    poll,
    text::{put, put_caption, put_text},
};
use crate::{bot_api::answer::Answer, schema};

/// Whether the method sends one message.
pub(super) fn is_sent(method: &str) -> bool {
    [
        "sendMessage",
        "sendPhoto",
        "sendLivePhoto",
        "sendAudio",
        "sendDocument",
        "sendVideo",
        "sendAnimation",
        "sendVoice",
        "sendVideoNote",
        "sendPaidMedia",
        "sendLocation",
        "sendVenue",
        "sendContact",
        "sendPoll",
        "sendChecklist",
        "sendDice",
        "sendSticker",
        "sendRichMessage",
        "sendInvoice",
        "sendGame",
    ]
    .contains(&method)
}

/// The content of the message of a `send…` method.
pub(super) fn of(r: &MethodCall<'_>) -> Result<Map<String, Value>, Answer> {
    let mut content = Map::new();
    match r.method.name {
        "sendMessage" => put_text(r, &mut content)?,
        "sendLocation" => put(&mut content, "location", location(r)),
        "sendVenue" => {
            put(&mut content, "location", location(r));
            let mut venue = given(r, "Venue");
            venue["location"] = location(r);
            put(&mut content, "venue", venue);
        }
        "sendContact" => put(&mut content, "contact", given(r, "Contact")),
        "sendDice" => put(&mut content, "dice", dice(r)),
        "sendPoll" => put(&mut content, "poll", poll::new(r)?),
        "sendInvoice" => put(&mut content, "invoice", invoice(r)?),
        "sendGame" => {
            let game = json!({"title": r.text("game_short_name"), "description": "", "photo": []});
            put(&mut content, "game", game);
        }
        "sendChecklist" => put_checklist(r, &mut content)?,
        "sendPaidMedia" => put(&mut content, "paid_media", media::paid(r)?),
        "sendRichMessage" => {
            let rich = schema::get().make("RichMessage", &|_, _| None);
            put(&mut content, "rich_message", rich);
        }
        name => media::put(r, name, &mut content),
    }
    put_caption(
        r.get("caption"),
        &Value::Object(r.params.clone()),
        &mut content,
    )?;
    for (name, field) in [
        ("link_preview_options", "link_preview_options"),
        ("message_effect_id", "effect_id"),
        ("business_connection_id", "business_connection_id"),
    ] {
        if let Some(value) = r.get(name) {
            put(&mut content, field, value.clone());
        }
    }
    for (name, field) in [
        ("show_caption_above_media", "show_caption_above_media"),
        ("has_spoiler", "has_media_spoiler"),
        ("protect_content", "has_protected_content"),
    ] {
        if r.is(name) {
            put(&mut content, field, true.into());
        }
    }
    Ok(content)
}

/// Adds the keyboard below a message, if it is of a kind that is part of the message.
pub(super) fn put_markup(
    r: &MethodCall<'_>,
    content: &mut Map<String, Value>,
) -> Result<(), Answer> {
    let Some(markup) = r.get("reply_markup") else {
        return Ok(());
    };
    markup::check(markup).map_err(|problem| bad(&problem))?;
    if markup::is_inline(markup) {
        put(content, "reply_markup", markup.clone());
    }
    Ok(())
}

/// An object of that type from the arguments with the names of its fields.
fn given(r: &MethodCall<'_>, type_: &'static str) -> Value {
    let schema = schema::get();
    let mut object = schema.make(type_, &|_, _| None);
    for (name, value) in &r.params {
        if schema.has_field(type_, name) {
            object[name] = value.clone();
        }
    }
    object
}

/// The `Location` in the arguments.
fn location(r: &MethodCall<'_>) -> Value {
    given(r, "Location")
}

/// A dice that always shows the same value.
fn dice(r: &MethodCall<'_>) -> Value {
    let emoji = Some(r.text("emoji")).filter(|emoji| !emoji.is_empty());
    json!({"emoji": emoji.unwrap_or("🎲"), "value": 4})
}

/// The invoice in a message, with the server's checks of its prices.
fn invoice(r: &MethodCall<'_>) -> Result<Value, Answer> {
    let currency = r.text("currency");
    if currency.len() != 3 || !currency.chars().all(|c| c.is_ascii_uppercase()) {
        return Err(bad("CURRENCY_INVALID"));
    }
    let prices = r.get("prices").and_then(Value::as_array);
    let amounts = prices
        .into_iter()
        .flatten()
        .filter_map(|price| price["amount"].as_i64());
    let total: i64 = amounts.sum();
    if total <= 0 {
        return Err(bad("CURRENCY_TOTAL_AMOUNT_INVALID"));
    }
    Ok(json!({
        "title": r.text("title"), "description": r.text("description"),
        "start_parameter": r.text("start_parameter"), "currency": currency, "total_amount": total,
    }))
}

/// Adds the checklist of a call.
pub(super) fn put_checklist(
    r: &MethodCall<'_>,
    content: &mut Map<String, Value>,
) -> Result<(), Answer> {
    let Some(mut checklist) = r.get("checklist").cloned() else {
        return Err(bad("parameter \"checklist\" is required"));
    };
    if checklist["tasks"].as_array().is_none_or(Vec::is_empty) {
        return Err(bad("checklist must have at least one task"));
    }
    for name in ["others_can_add_tasks", "others_can_mark_tasks_as_done"] {
        if checklist[name] != true
            && let Some(checklist) = checklist.as_object_mut()
        {
            checklist.remove(name);
        }
    }
    put(content, "checklist", checklist);
    Ok(())
}
