//! Changes to updates after which they are still JSON, unlike most changes of single bytes.

use std::sync::LazyLock;

use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::generate::{Fill, Generator, Schema, sent};

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::new);

/// The keys and values that updates have.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let parts = SCHEMA.everything().into_iter();
    let mut names: Vec<_> = parts
        .flat_map(|(_, key, value)| [key.to_owned(), value.to_owned()])
        .collect();
    names.sort();
    names.dedup();
    names
});

/// Whether the schema has an update type of that name.
pub fn is_update_type(name: &str) -> bool {
    static KINDS: LazyLock<Vec<&str>> = LazyLock::new(|| SCHEMA.kinds());
    KINDS.contains(&name)
}

/// The update with one change if the bytes are JSON; sometimes a new one.
pub fn update(text: &[u8], seed: u32) -> Option<String> {
    let mut rng = Rng::with_seed(seed.into());
    if rng.u8(..32) == 0 {
        return Some(new(rng.u64(..)));
    }
    let mut value: Value = serde_json::from_slice(text).ok()?;
    for _ in 0..=rng.u8(..3) {
        let other = pick(&value, &mut rng).clone();
        change(pick_mut(&mut value, &mut rng), other, &mut rng);
    }
    Some(value.to_string())
}

fn new(seed: u64) -> String {
    let kinds = SCHEMA.kinds();
    let mut generator = Generator::new(&SCHEMA, seed);
    generator.fill = match generator.rng.u8(..8) {
        0 => Fill::Minimal,
        1 => Fill::Full,
        _ => Fill::Random,
    };
    (generator.new, generator.gone) = (generator.rng.u8(..10), generator.rng.u8(..10));
    let kind = kinds[generator.rng.usize(..kinds.len())];
    sent(&generator.update(kind)).to_string()
}

fn change(place: &mut Value, other: Value, rng: &mut Rng) {
    match (place, rng.u8(..4)) {
        (Value::Object(members), 0 | 1) => change_member(members, other, rng),
        (Value::Array(items), 0) if !items.is_empty() => {
            items.remove(rng.usize(..items.len()));
        }
        (Value::Array(items), 1) => items.insert(rng.usize(..=items.len()), other),
        (place, 2) => *place = other,
        (place, _) => *place = scalar(rng),
    }
}

fn change_member(members: &mut Map<String, Value>, other: Value, rng: &mut Rng) {
    let key = rng.choice(members.keys()).cloned();
    match (key, rng.u8(..3)) {
        (Some(key), 0) => drop(members.shift_remove(&key)),
        (Some(key), 1) => {
            if let Some(value) = members.shift_remove(&key) {
                members.insert(name(rng), value);
            }
        }
        _ => drop(members.insert(name(rng), other)),
    }
}

fn name(rng: &mut Rng) -> String {
    NAMES[rng.usize(..NAMES.len())].clone()
}

fn scalar(rng: &mut Rng) -> Value {
    let word = json!(name(rng));
    let all = [
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5),
        json!(-1e300),
        json!(""),
        json!([]),
        json!({}),
    ];
    match rng.bool() {
        true => word,
        false => all[rng.usize(..all.len())].clone(),
    }
}

fn pick<'a>(value: &'a Value, rng: &mut Rng) -> &'a Value {
    let mut at = value;
    while rng.u8(..5) != 0 {
        let inner = match at {
            Value::Array(items) => rng.choice(items),
            Value::Object(members) => rng.choice(members.values()),
            _ => None,
        };
        match inner {
            Some(inner) => at = inner,
            None => break,
        }
    }
    at
}

fn pick_mut<'a>(value: &'a mut Value, rng: &mut Rng) -> &'a mut Value {
    let is_leaf = match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => true,
    };
    if is_leaf || rng.u8(..5) == 0 {
        return value;
    }
    match value {
        Value::Array(items) => {
            let at = rng.usize(..items.len());
            pick_mut(&mut items[at], rng)
        }
        Value::Object(members) => {
            let at = rng.usize(..members.len());
            match members.values_mut().nth(at) {
                Some(inner) => pick_mut(inner, rng),
                None => unreachable!("there are that many"),
            }
        }
        other => other,
    }
}
