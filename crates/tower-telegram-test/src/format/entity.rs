//! Entities, and the units that they count in.

use serde_json::{Value, json};

/// Where an entity begins and ends.
pub(super) fn range(entity: &Value) -> (usize, usize) {
    let number = |name: &str| {
        let number = entity[name].as_u64().unwrap_or(0);
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let offset = number("offset");
    (offset, offset.saturating_add(number("length")))
}

/// In the units that entities count in.
pub(super) fn utf16_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

pub(super) fn entity(kind: &str, offset: usize, length: usize) -> Value {
    json!({"type": kind, "offset": offset, "length": length})
}
