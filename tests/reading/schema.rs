//! B8, B9, B11, B12: any update, from this server, an older and a newer one.

use bytes::Bytes;
use fastrand::Rng;
use serde_json::{Value, json};
use tower_telegram::{
    types::{Update, UpdateKind},
    webhook::RawUpdate,
};

use crate::support::{
    generate::{Fill, Generator, Schema, kept, sent},
    text::{Style, styled, telegram},
};

fn parse(text: &str) -> Update {
    let raw = RawUpdate::from_bytes(Bytes::copy_from_slice(text.as_bytes()));
    let update = raw.and_then(|raw| raw.parse());
    update.unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The text in the way of Telegram, or in any other way.
fn any_text(update: &Value, rng: &mut Rng) -> String {
    let style = Style {
        shuffled: true,
        spaced: rng.bool(),
        escaped: rng.u8(..20),
    };
    match rng.u8(..3) {
        0 => styled(update, rng, style),
        _ => telegram(update),
    }
}

/// Written back, nothing is lost; without `serde-all` there is no writing back.
#[cfg(feature = "serde-all")]
fn assert_kept(update: &Update, original: &Value, text: &str) {
    let written = serde_json::to_value(update).expect("it can be written");
    if let Some(difference) = crate::support::generate::difference(&kept(original), &written) {
        panic!("{difference} in {text}");
    }
}

#[cfg(not(feature = "serde-all"))]
fn assert_kept(update: &Update, original: &Value, _: &str) {
    assert_eq!(update.update_id, kept(original)["update_id"]);
}

/// No random text has the word.
fn assert_typed(update: &Update, text: &str) {
    let shown = format!("{update:?}");
    if let Some(at) = shown.find("Unknown") {
        let around: String = shown[at..].chars().take(200).collect();
        panic!("{around} in {text}");
    }
}

#[test]
fn b11_whatever_the_schema_allows_is_typed_and_comes_back_equal() {
    let schema = Schema::new();
    let mut generator = Generator::new(&schema, 11);
    let everything = schema.everything();
    for round in 0..400 {
        if round > 60 && everything.is_subset(&generator.seen) {
            break;
        }
        generator.fill = match round {
            0..3 => Fill::Minimal,
            3 => Fill::Full,
            _ => Fill::Random,
        };
        for kind in schema.kinds() {
            let original = generator.update(kind);
            let text = any_text(&original, &mut generator.rng);
            let update = parse(&text);
            assert_typed(&update, &text);
            assert_eq!(update.update_type().as_str(), kind);
            assert_kept(&update, &original, &text);
        }
    }
    // All of this shows nothing about what it never made.
    let missing: Vec<_> = everything.difference(&generator.seen).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn b8_what_a_newer_server_adds_costs_nothing_of_the_rest() {
    let schema = Schema::new();
    for (number, kind) in (0..).zip(schema.kinds()) {
        let mut generator = Generator::new(&schema, 800 + number);
        generator.new = 10;
        for i in 0..60 {
            generator.fill = if i < 1 { Fill::Full } else { Fill::Random };
            let original = generator.update(kind);
            let text = any_text(&original, &mut generator.rng);
            let update = parse(&text);
            assert_eq!(update.update_type().as_str(), kind, "{text}");
            assert_kept(&update, &original, &text);
        }
    }
}

#[test]
fn b12_what_an_older_server_leaves_out_is_filled_in() {
    let schema = Schema::new();
    for (number, kind) in (0..).zip(schema.kinds()) {
        let mut generator = Generator::new(&schema, 1200 + number);
        generator.gone = 30;
        for i in 0..40 {
            generator.fill = if i < 1 { Fill::Full } else { Fill::Random };
            let original = generator.update(kind);
            let text = any_text(&sent(&original), &mut generator.rng);
            let update = parse(&text);
            assert_typed(&update, &text);
            assert_kept(&update, &original, &text);
        }
    }
}

#[test]
fn b12_an_administrator_without_a_right_that_came_later_is_still_one() {
    let schema = Schema::new();
    let mut generator = Generator::new(&schema, 12);
    let mut original = generator.update("my_chat_member");
    original["my_chat_member"]["new_chat_member"] = json!({
        "status": "administrator",
        "user": {"id": 1, "is_bot": true, "first_name": "bot"},
    });
    let update = parse(&telegram(&original));
    let UpdateKind::MyChatMember(member) = &update.kind else {
        panic!("{update:?}");
    };
    let tower_telegram::types::ChatMember::Administrator(administrator) = &member.new_chat_member
    else {
        panic!("{member:?}");
    };
    assert!(!administrator.can_send_welcome_messages && !administrator.can_be_edited);
}

/// Breaks a value somewhere: takes a member away, or puts something else in its place.
fn damage(value: &mut Value, rng: &mut Rng) {
    let other = [
        Value::Null,
        json!(true),
        json!(-7),
        json!(0.5),
        json!("x"),
        json!([]),
        json!([[null]]),
        json!({}),
        json!({"type": 1}),
    ];
    match value {
        Value::Object(members) if !members.is_empty() && rng.u8(..4) > 0 => {
            let at = rng.usize(..members.len());
            let key = members.keys().nth(at).cloned().unwrap_or_default();
            match members.get_mut(&key) {
                Some(member) if rng.u8(..4) > 0 => damage(member, rng),
                _ => drop(members.remove(&key)),
            }
        }
        Value::Array(items) if !items.is_empty() && rng.u8(..4) > 0 => {
            let at = rng.usize(..items.len());
            damage(&mut items[at], rng);
        }
        _ => *value = rng.choice(other).unwrap_or_default(),
    }
}

#[test]
fn b9_b12_whatever_doesnt_fit_is_never_an_error() {
    let schema = Schema::new();
    for (number, kind) in (0..).zip(schema.kinds()) {
        let mut generator = Generator::new(&schema, 900 + number);
        for _ in 0..60 {
            let original = generator.update(kind);
            let mut damaged = original.clone();
            for _ in 0..generator.rng.usize(1..4) {
                damage(&mut damaged[kind], &mut generator.rng);
            }
            let update = parse(&any_text(&damaged, &mut generator.rng));
            assert_eq!(update.update_id, original["update_id"]);
            // Raw, it is all there.
            if let UpdateKind::Unknown { name, raw } = update.kind {
                let raw: Value = raw.parse().expect("it is JSON");
                // Read in the same way, for serde_json's floats may be off by a bit.
                let expected = damaged[kind].to_string();
                let expected: Value = serde_json::from_str(&expected).expect("JSON");
                assert_eq!((&*name, raw), (kind, expected));
            }
        }
    }
}

/// The schema has one currency for it, which distinguishes no variants.
#[test]
fn b8_a_refund_keeps_its_currency_whatever_it_is() {
    let schema = Schema::new();
    let mut generator = Generator::new(&schema, 8);
    generator.fill = Fill::Minimal;
    let mut original = generator.update("message");
    original["message"]["refunded_payment"] = json!({
        "currency": "TON",
        "total_amount": 1,
        "invoice_payload": "",
        "telegram_payment_charge_id": "",
    });
    let text = telegram(&original);
    let update = parse(&text);
    let refund = update
        .any_message()
        .and_then(|m| m.refunded_payment.as_deref());
    assert_eq!(refund.expect("a refund").currency, "TON");
    assert_kept(&update, &original, &text);
}
