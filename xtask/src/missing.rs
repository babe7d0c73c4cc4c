//! What becomes of a field that a server leaves out, or that doesn't fit.
//!
//! Telegram adds required fields to types that are old, so a server of an older version leaves them out. What says
//! nothing takes their place: `false`, no text, an empty list, 0 where a number says how many, how large or in which
//! colour. Where 0 would say something that isn't so, nothing can take it: which one it is, when it was, what it costs,
//! where in a text it is. Then the object around can't be read, and whatever is around that goes without it.

use crate::{
    model::{Model, Shape, innermost},
    schema::Field,
};

/// What a required field is when it is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Missing {
    /// Its type's default.
    Default,
    /// The value of a string enum that stands for no text.
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
            // What a bot sends is complete.
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

/// Whether an optional field is left out when what came for it doesn't fit: where objects are in it. A union keeps by
/// itself what it doesn't know. A text or number of another type makes its object unreadable, as no older server has
/// one.
pub(crate) fn is_left_out(model: &Model, shape: &Shape, received: bool) -> bool {
    let is_union = |name: &str| model.get(name).is_some_and(|t| t.one_of.is_some());
    let holds_types = innermost(shape).is_some_and(|name| model.get(name).is_some());
    let keeps = matches!(shape, Shape::Named(name) if is_union(name));
    received && holds_types && !keeps
}
