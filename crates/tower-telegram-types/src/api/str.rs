//! The string type of the generated types and methods.

use std::{borrow::Borrow, fmt, ops::Deref};

use compact_str::CompactString;
use serde_core::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected, Visitor},
};

use crate::json::{FromJson, Reader, Result};

/// Text from or for Telegram: short text is kept in place, longer text on the heap.
///
/// Most of an update's strings are short: names, user names, language codes, ids. A string of up to 24 bytes needs no
/// allocation. `Str` dereferences to [`str`], and is made with `into()` from `&str`, `String` and others. The
/// representation is private, so that it can change without a breaking release.
///
/// ```
/// use tower_telegram::types::Str;
///
/// let name: Str = "Ada".into();
/// assert_eq!(name, "Ada");
/// assert!(name.starts_with('A'));
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(CompactString);

impl Str {
    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn own(text: impl Into<CompactString>) -> Self {
        Self(text.into())
    }
}

impl Deref for Str {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Str {
    #[inline]
    fn from(text: &str) -> Self {
        Self::own(text)
    }
}

impl From<&String> for Str {
    fn from(text: &String) -> Self {
        Self::own(text)
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self::own(text)
    }
}

impl From<Box<str>> for Str {
    fn from(text: Box<str>) -> Self {
        Self::own(text)
    }
}

impl From<std::borrow::Cow<'_, str>> for Str {
    #[inline]
    fn from(text: std::borrow::Cow<'_, str>) -> Self {
        Self::own(text)
    }
}

impl From<&Self> for Str {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl From<Str> for String {
    fn from(text: Str) -> Self {
        text.0.into()
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Str {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl FromJson for Str {
    #[inline]
    fn from_json(r: &mut Reader<'_>) -> Result<Self> {
        r.string()
    }
}

impl Serialize for Str {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_string(StrVisitor)
    }
}

/// It keeps short text in place, where serde's own strings would allocate.
struct StrVisitor;

impl Visitor<'_> for StrVisitor {
    type Value = Str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> std::result::Result<Str, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> std::result::Result<Str, E> {
        Ok(text.into())
    }

    fn visit_bytes<E: Error>(self, text: &[u8]) -> std::result::Result<Str, E> {
        match std::str::from_utf8(text) {
            Ok(text) => Ok(text.into()),
            Err(_) => Err(E::invalid_value(Unexpected::Bytes(text), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Str;

    #[test]
    fn text_stays_the_same_when_it_is_written_and_read() {
        for text in [
            "",
            "Ada",
            "exactly twenty-four byte",
            &"x".repeat(1000),
            "✨",
        ] {
            let str = Str::from(text);
            assert_eq!(str, text);
            assert_eq!(String::from(str.clone()), text);
            let json = serde_json::to_string(&str).unwrap();
            assert_eq!(serde_json::from_str::<Str>(&json).unwrap(), str);
        }
    }

    #[test]
    fn an_option_costs_nothing() {
        assert_eq!(size_of::<Str>(), 24);
        assert_eq!(size_of::<Option<Str>>(), size_of::<Str>());
    }
}
