//! The value of a field that a server leaves out, or sends in another form.
//!
//! Telegram adds required fields to old types, so a server of an older version leaves them out. They get a value that
//! says nothing: `false`, an empty text or list, 0 for a number that counts, measures or names a colour. A number for
//! which 0 would be a false statement has no such value: an id, a time, a price, a position in a text. The object around
//! it can't be read then, and the optional field or the list that holds the object goes without it.

use crate::{
    model::{Model, Shape},
    schema::Field,
};

/// The value of a required field that is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Missing {
    /// Its type's default.
    Default,
    /// The value of a string enum for an empty text.
    NoText,
    /// An object without members, if its type has no field that [can't be missing](Self::Error).
    EmptyObject,
    /// The object can't be read.
    Error,
}

/// Texts by which an object is found again.
const IDENTITIES: [&str; 3] = ["id", "file_id", "poll_id"];

/// Numbers with such a name that came to a type that is older: `ChatJoinRequest` in Bot API 6.5, `ChatFullInfo` in 7.3.
const LATER_IDS: [&str; 2] = ["user_chat_id", "accent_color_id"];

/// Numbers for which 0 would be a wrong answer.
const NEVER_ZERO: [&str; 8] = [
    "date", "day", "month", "offset", "length", "position", "value", "score",
];
const NEVER_ZERO_AT_THE_END: [&str; 3] = ["amount", "star_count", "_minute"];

impl Missing {
    pub(crate) fn of(model: &Model, field: &Field, shape: &Shape, received: bool) -> Self {
        match shape {
            Shape::Boolean | Shape::True | Shape::List(_) => Self::Default,
            // A bot sends complete objects.
            _ if !received => Self::Error,
            // A server doesn't send what has left the Bot API.
            Shape::Integer | Shape::Float | Shape::String if field.deprecated.is_some() => {
                Self::Default
            }
            Shape::String if !IDENTITIES.contains(&&*field.name) => Self::Default,
            Shape::Integer if may_be_zero(field) => Self::Default,
            Shape::Named(name) if model.enums.contains_key(name) => Self::NoText,
            Shape::Named(_) => Self::EmptyObject,
            _ => Self::Error,
        }
    }
}

fn may_be_zero(field: &Field) -> bool {
    let name = &*field.name;
    let is_id = name == "id" || name.ends_with("_id");
    let is_said =
        NEVER_ZERO.contains(&name) || NEVER_ZERO_AT_THE_END.iter().any(|end| name.ends_with(end));
    LATER_IDS.contains(&name) || !(is_id || is_said || field.unix_time)
}

/// Whether an optional field that is received is left out when its value doesn't fit. Only a union isn't: it keeps by
/// itself what it doesn't know.
pub(crate) fn is_left_out(model: &Model, shape: &Shape, received: bool) -> bool {
    let is_union = |name: &str| model.get(name).is_some_and(|t| t.one_of.is_some());
    received && !matches!(shape, Shape::Named(name) if is_union(name))
}
