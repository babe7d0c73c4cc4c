//! Message entities, and their lengths in UTF-16 units.

use serde_json::{Value, json};

/// The start and the end of an entity in UTF-16 units.
pub(super) fn range(entity: &Value) -> (usize, usize) {
    let number = |name: &str| {
        let number = entity[name].as_u64().unwrap_or(0);
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let offset = number("offset");
    (offset, offset.saturating_add(number("length")))
}

/// The length in UTF-16 units.
pub(super) fn utf16_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The JSON of an entity.
pub(super) fn entity(kind: &str, offset: usize, length: usize) -> Value {
    json!({"type": kind, "offset": offset, "length": length})
}
