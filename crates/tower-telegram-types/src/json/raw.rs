//! A JSON value kept as it came.

use std::fmt;

use serde_core::{Serialize, Serializer, de::DeserializeOwned};

use super::{FromJson, Reader, Result, impl_deserialize};

/// A JSON value that this crate has no type for, as Telegram sent it.
///
/// It is well-formed: it was checked when it was read. Out of another format, or out of one of serde's
/// buffers (`#[serde(flatten)]`, untagged and internally tagged enums), it is the same value written
/// anew: without white space, and with numbers as `serde_json` writes them. Into a binary format such
/// as CBOR it is written as the value that it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// The text.
    pub fn get(&self) -> &str {
        &self.0
    }

    /// Reads the text as a type of yours.
    ///
    /// # Errors
    ///
    /// What `T` says when the text doesn't fit it.
    pub fn parse<T: DeserializeOwned>(&self) -> std::result::Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    pub(crate) fn from_checked(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromJson for RawJson {
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        r.raw().map(Self::from_checked)
    }
}

impl_deserialize!(RawJson);

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            // Not JSON, so the value counts and not its text.
            let value: serde_json::Value = self.parse().map_err(serde_core::ser::Error::custom)?;
            return value.serialize(serializer);
        }
        // The text is well-formed, so this borrows and can't fail.
        match serde_json::from_str::<&serde_json::value::RawValue>(&self.0) {
            Ok(raw) => raw.serialize(serializer),
            Err(e) => Err(serde_core::ser::Error::custom(e)),
        }
    }
}
