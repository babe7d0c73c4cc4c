//! A JSON value that is kept as its text.

use std::fmt;

use serde_core::{Serialize, Serializer, de::DeserializeOwned};

use super::{FromJson, Reader, Result, impl_deserialize};

/// A JSON value that this crate has no type for, as Telegram sent it.
///
/// The text is well-formed, and no object in it has a key twice: it was checked when it was read. A value that was read
/// from another format, or from one of serde's buffers (`#[serde(flatten)]`, untagged and internally tagged enums), is
/// written anew: without white space, and with numbers as `serde_json` writes them. In a binary format such as CBOR it
/// is written as a value, not as text.
///
/// ```
/// use tower_telegram::types::{Update, UpdateKind};
///
/// let update = Update::from_slice(br#"{"update_id":7,"planet_discovered":{"name":"Vulcan"}}"#)?;
/// let UpdateKind::Unknown { name, raw } = update.kind else { panic!("a known kind") };
/// assert_eq!((&*name, raw.get()), ("planet_discovered", r#"{"name":"Vulcan"}"#));
/// let value: serde_json::Value = raw.parse().unwrap();
/// assert_eq!(value["name"], "Vulcan");
/// # Ok::<_, tower_telegram::types::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// The value's text, unchanged.
    pub fn get(&self) -> &str {
        &self.0
    }

    /// Reads the text as a type of yours.
    ///
    /// # Errors
    ///
    /// If the text doesn't fit `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> std::result::Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// A text that the reader has already found to be well-formed.
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
