//! The envelope of an update, by the fast path and by the full scan, compared with a full parse.

#![no_main]

use std::collections::BTreeSet;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use tower_telegram::{types::{Update, UpdateType}, webhook::RawUpdate};
use tower_telegram_fuzz::{json::Json, mutate::is_update_type};

/// The envelope by a full parse.
#[derive(Debug, PartialEq)]
struct Head<'a> {
    update_id: i64,
    name: &'a str,
    payload: &'a Json,
}

fn head(json: &Json) -> Option<Head<'_>> {
    let members = json.members()?;
    let keys = members.iter().map(|(key, _)| key);
    if keys.collect::<BTreeSet<_>>().len() < members.len() {
        return None;
    }
    let update_id = json.get("update_id")?.integer().filter(|id| *id >= 0)?;
    // A null member counts as absent, unless all are null.
    let of = |known: bool, null: bool| {
        members.iter().filter(move |(key, value)| {
            key != "update_id" && is_update_type(key) == known && (*value == Json::Null) == null
        })
    };
    if of(true, false).count() > 1 {
        return None;
    }
    let mut best_first = of(true, false)
        .chain(of(false, false))
        .chain(of(true, true))
        .chain(of(false, true));
    let (name, payload) = best_first.next()?;
    Some(Head {
        update_id,
        name,
        payload,
    })
}

fn find(payload: &Json, path: &[&str]) -> Option<i64> {
    let mut at = payload;
    for name in path {
        at = at.get(name)?;
    }
    at.integer()
}

fn chat_id(head: &Head<'_>) -> Option<i64> {
    match head.name {
        "callback_query" => find(head.payload, &["message", "chat", "id"]),
        "business_connection" => find(head.payload, &["user_chat_id"]),
        "inline_query"
        | "chosen_inline_result"
        | "shipping_query"
        | "pre_checkout_query"
        | "purchased_paid_media"
        | "poll"
        | "poll_answer"
        | "managed_bot"
        | "subscription" => None,
        _ => find(head.payload, &["chat", "id"]),
    }
}

fn user_id(head: &Head<'_>) -> Option<i64> {
    match head.name {
        "business_connection"
        | "message_reaction"
        | "poll_answer"
        | "managed_bot"
        | "subscription" => find(head.payload, &["user", "id"]),
        "message_reaction_count" | "poll" | "deleted_business_messages" => None,
        _ => find(head.payload, &["from", "id"]),
    }
}

/// Whether the keys have Telegram's order. Only then the rest isn't checked for being JSON.
fn is_usual(data: &[u8]) -> bool {
    let plain: Vec<u8> = data
        .iter()
        .copied()
        .filter(|byte| !b" \n\t\r".contains(byte))
        .collect();
    plain.starts_with(b"{\"update_id\":")
}

fuzz_target!(|data: &[u8]| {
    let json = Json::of(data);
    let expected = json.as_ref().and_then(head);
    let raw = RawUpdate::from_bytes(Bytes::copy_from_slice(data));
    let Some(expected) = expected else {
        match raw {
            Err(error) => assert!(error.is_syntax(), "{error}"),
            Ok(raw) => {
                assert!(is_usual(data));
                assert!(raw.parse::<Update>().unwrap_err().is_syntax());
                assert!(raw.parse::<Box<RawValue>>().unwrap_err().is_syntax());
                // They may be wrong, but must not panic.
                let _ = (raw.chat_id(), raw.user_id());
            }
        }
        return;
    };
    let raw = raw.unwrap();
    assert_eq!(raw.update_id(), expected.update_id);
    assert_eq!(raw.name(), expected.name);
    if is_update_type(expected.name) {
        assert_eq!(raw.update_type().as_str(), expected.name);
    } else {
        assert_eq!(raw.update_type(), UpdateType::Unknown);
    }
    assert_eq!(raw.chat_id(), chat_id(&expected));
    assert_eq!(raw.user_id(), user_id(&expected));
    assert!(raw.parse::<Box<RawValue>>().is_ok());
    match raw.parse::<Update>() {
        Ok(update) => {
            assert_eq!(update.update_id, expected.update_id);
            if update.update_type() == UpdateType::Unknown {
                let tower_telegram::types::UpdateKind::Unknown { name, .. } = &update.kind else {
                    panic!("{update:?}");
                };
                assert_eq!(&**name, expected.name);
            } else {
                assert_eq!(update.update_type(), raw.update_type());
            }
        }
        Err(error) => {
            assert!(error.is_syntax(), "{error}");
            assert!(json.is_some_and(|json| json.has_doubles()), "{error}");
        }
    }
});
