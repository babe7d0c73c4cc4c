//! `serde::Deserialize` by way of [`FromJson`], from any format that describes itself.
//!
//! `serde_json` hands out its text to a type that asks for a [`RawValue`], and our reader reads that text. Every other
//! deserializer is written out as JSON first: other formats, and the buffers from which serde reads flattened fields and
//! the variants of untagged enums. After that, numbers may be spelt differently (`1.50` as `1.5`), and white space is
//! gone.
//!
//! The code is generic over the deserializer alone, so that each of some 600 types adds only a call to it.

use std::fmt;

use serde_core::{
    Deserialize as _, Deserializer,
    de::{Error, Visitor},
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

use super::{
    error::ParseError,
    read::{from_slice, from_str},
    reader::FromJson,
    transcode::{Json, Transcoder},
};

/// Reads a type from any deserializer that can tell what comes next.
pub(crate) fn deserialize<'de, T: FromJson, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let json = json_of(deserializer)?;
    // The format knows its own places.
    read(&json).map_err(|error| D::Error::custom(error.without_place()))
}

fn read<T: FromJson>(json: &Json<'_>) -> Result<T, ParseError> {
    match &json.given {
        Some(text) => from_str(text),
        None => from_slice(&json.written),
    }
}

fn json_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Json<'de>, D::Error> {
    let mut json = Json::default();
    let name = raw_value_name();
    let transcoder = Transcoder::new(&mut json, name);
    deserializer.deserialize_newtype_struct(name, transcoder)?;
    Ok(json)
}

/// The name by which `serde_json` knows that its text is asked for. A [`RawValue`] asks with it, and so
/// it needn't be written down here; without one, everything is transcoded.
fn raw_value_name() -> &'static str {
    match <&RawValue>::deserialize(NameOfNewtype) {
        Err(Name(name)) => name,
        Ok(_) => "",
    }
}

/// A deserializer that fails with the name of the newtype that it is asked for.
struct NameOfNewtype;

#[derive(Debug)]
struct Name(&'static str);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Name {}

impl Error for Name {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self("")
    }
}

impl<'de> Deserializer<'de> for NameOfNewtype {
    type Error = Name;

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: V,
    ) -> Result<V::Value, Name> {
        Err(Name(name))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Name> {
        Err(Name(""))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
