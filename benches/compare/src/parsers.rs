//! How each crate parses a body.

use std::hint::black_box;

use bytes::Bytes;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use tower_telegram::{types::Update, webhook::RawUpdate};

pub type Parse = fn(&Bytes) -> bool;

/// The parsers. The others are compared with the first.
pub const PARSERS: [(&str, Parse); 9] = [
    ("IgnoredAny", read::<IgnoredAny>),
    ("body alone", body_alone),
    ("head scan", head_scan),
    ("tower-telegram", ours),
    ("own struct", own_struct),
    ("serde_json::Value", read::<serde_json::Value>),
    ("frankenstein", read::<frankenstein::updates::Update>),
    ("teloxide-core", teloxide),
    ("tgbot", read::<tgbot::types::Update>),
];

fn read<T: DeserializeOwned>(body: &Bytes) -> bool {
    black_box(serde_json::from_slice::<T>(body)).is_ok()
}

/// The cost around the envelope's scan.
fn body_alone(body: &Bytes) -> bool {
    !black_box(&body.clone()).is_empty()
}

fn head_scan(body: &Bytes) -> bool {
    black_box(&RawUpdate::from_bytes(body.clone())).is_ok()
}

fn ours(body: &Bytes) -> bool {
    let update = RawUpdate::from_bytes(body.clone())
        .and_then(|raw| raw.parse::<Update>())
        .is_ok_and(|update| {
            !matches!(
                update.kind,
                tower_telegram::types::UpdateKind::Unknown { .. }
            )
        });
    black_box(update)
}

/// teloxide returns a kind of its own for a body that it can't parse.
fn teloxide(body: &Bytes) -> bool {
    use teloxide::types::{Update, UpdateKind};
    let text = std::str::from_utf8(body).expect("JSON is UTF-8");
    black_box(serde_json::from_str::<Update>(text))
        .is_ok_and(|update| !matches!(update.kind, UpdateKind::Error(_)))
}

/// A struct with only the fields that an echo bot needs, through the crate's layers.
fn own_struct(body: &Bytes) -> bool {
    let raw = RawUpdate::from_bytes(body.clone());
    black_box(raw.and_then(|raw| raw.parse::<Echo>())).is_ok()
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Echo {
    message: Option<Text>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Text {
    chat: Chat,
    text: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Chat {
    id: i64,
}
