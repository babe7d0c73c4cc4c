//! The string type of the generated API.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    ops::{Deref, Range},
    sync::Arc,
};

use compact_str::CompactString;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::{FromJson, Reader, Result};

/// Text from or for Telegram: short text is kept in place, longer text on the heap.
///
/// Most of an update's strings (names, user names, language codes, ids) are short, and up to 24
/// bytes of them need no allocation. It dereferences to [`str`] and is made with `into()`; how it
/// keeps its text is nobody's business, so that it can change without breaking anyone.
///
/// Where an update has many longer strings, as a large keyboard does, some of them share their memory, and one of
/// those keeps 1 KiB of it as long as it is kept. A [`String`] made of it doesn't.
///
/// ```
/// use tower_telegram::types::Str;
///
/// let name: Str = "Ada".into();
/// assert_eq!(name, "Ada");
/// assert!(name.starts_with('A'));
/// ```
#[derive(Clone)]
pub struct Str(Kept);

#[derive(Clone)]
enum Kept {
    Own(CompactString),
    /// Small enough to take no more room than the other.
    Part {
        of: Arc<Box<str>>,
        start: u32,
        end: u32,
    },
}

impl Str {
    /// As many bytes are kept without an allocation.
    pub(crate) const IN_PLACE: usize = size_of::<CompactString>();

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kept::Own(text) => text,
            Kept::Part { of, start, end } => {
                let range = *start as usize..*end as usize;
                of.get(range).unwrap_or_default()
            }
        }
    }

    /// What stands there in a piece, which it shares.
    pub(crate) fn part(of: &Arc<Box<str>>, at: Range<usize>) -> Self {
        match (u32::try_from(at.start), u32::try_from(at.end)) {
            (Ok(start), Ok(end)) => Self(Kept::Part {
                of: Arc::clone(of),
                start,
                end,
            }),
            _ => Self::from(&of[at]),
        }
    }

    fn own(text: impl Into<CompactString>) -> Self {
        Self(Kept::Own(text.into()))
    }
}

impl Default for Str {
    fn default() -> Self {
        Self::own("")
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
        match text.0 {
            Kept::Own(text) => text.into(),
            Kept::Part { .. } => text.as_str().into(),
        }
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Str {}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
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
        std::borrow::Cow::<'de, str>::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cmp::Ordering,
        hash::{BuildHasher as _, RandomState},
        sync::Arc,
    };

    use super::Str;

    #[test]
    fn text_survives_the_way_in_and_out() {
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
    fn a_part_is_as_good_as_a_text_of_its_own() {
        let piece = Arc::new(Box::from("a: über 😀, b"));
        let part = Str::part(&piece, 3..13);
        let own = Str::from("über 😀");
        assert_eq!(part, own);
        assert_eq!(part.cmp(&own), Ordering::Equal);
        let hasher = RandomState::new();
        assert_eq!(hasher.hash_one(&part), hasher.hash_one(&own));
        assert_eq!(String::from(part.clone()), String::from(own));
        drop(piece);
        assert_eq!(part, "über 😀");
    }

    #[test]
    fn an_option_costs_nothing() {
        assert_eq!(size_of::<Str>(), Str::IN_PLACE);
        assert_eq!(size_of::<Option<Str>>(), size_of::<Str>());
    }
}
