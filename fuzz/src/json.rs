//! JSON as `serde_json` reads it, with the parts that its `Value` loses: keys that occur twice, and the
//! digits of numbers.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Object(Vec<(String, Json)>),
    Array(Vec<Json>),
    String(String),
    /// A number in the text's own digits.
    Number(String),
    Bool(bool),
    Null,
}

/// The crate's limit on nesting.
const MAX_DEPTH: usize = 128;

impl Json {
    /// `None` if the bytes aren't JSON.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        Self::read(serde_json::from_str(text).ok()?, 0)
    }

    fn read(raw: &RawValue, depth: usize) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes()[0] {
            b'{' | b'[' if depth == MAX_DEPTH => return None,
            b'{' => {
                let Members(members) = serde_json::from_str(text).ok()?;
                let member = |(key, raw)| Some((key, Self::read(raw, depth + 1)?));
                Self::Object(members.into_iter().map(member).collect::<Option<_>>()?)
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let item = |raw| Self::read(raw, depth + 1);
                Self::Array(items.into_iter().map(item).collect::<Option<_>>()?)
            }
            b'"' => Self::String(serde_json::from_str(text).ok()?),
            b't' => Self::Bool(true),
            b'f' => Self::Bool(false),
            b'n' => Self::Null,
            _ => Self::Number(text.to_owned()),
        })
    }

    pub fn members(&self) -> Option<&[(String, Json)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The first member of that name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let mut members = self.members()?.iter();
        members.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    pub fn string(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether a key occurs twice, at any depth.
    pub fn has_doubles(&self) -> bool {
        match self {
            Self::Object(members) => members.iter().enumerate().any(|(at, (key, value))| {
                members[..at].iter().any(|(other, _)| other == key) || value.has_doubles()
            }),
            Self::Array(items) => items.iter().any(Self::has_doubles),
            _ => false,
        }
    }
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(All)
    }
}
