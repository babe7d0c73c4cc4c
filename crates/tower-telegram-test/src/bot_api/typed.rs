//! Objects of the Bot API as Rust types.

use serde_json::Value;
use tower_telegram_types::{
    json::{self, FromJson},
    types::ParseError,
};

use crate::error::Error;

/// Parses an object as a type; `what` names the type in the error.
pub(crate) fn read<T: FromJson>(what: &'static str, value: &Value) -> Result<T, Error> {
    let read: Result<T, ParseError> = json::from_str_strictly(&value.to_string());
    read.map_err(|source| Error::Unreadable { what, source })
}
