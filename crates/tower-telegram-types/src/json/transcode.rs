//! Conversion of any self-describing format to JSON.
//!
//! A [`Transcoder`] is a serde visitor that writes each value that it visits. For `serde_json` there is nothing to
//! convert: it answers the outermost request with its own text, which is kept as it is.
//!
//! The crate `serde-transcode` does nearly the same, but it has no limit of depth, writes bytes as a list
//! of numbers, and depends on `serde` itself. The outermost visitor, which notices the text of `serde_json`,
//! would still have to be ours.

use std::{borrow::Cow, fmt};

use serde_core::{
    Deserializer, Serialize,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Unexpected, Visitor},
};

use super::reader::MAX_DEPTH;

/// A JSON text.
#[derive(Debug, Default)]
pub(super) struct Json<'de> {
    /// The text of `serde_json`, unchanged.
    pub(super) given: Option<Cow<'de, str>>,
    /// The converted text, if there is no given one.
    pub(super) written: Vec<u8>,
}

/// Appends one value. As a visitor it accepts every type of value.
pub(super) struct Transcoder<'t, 'de> {
    json: &'t mut Json<'de>,
    depth: u8,
    place: Place,
}

/// Where in the whole value a transcoder is.
#[derive(Clone, Copy)]
enum Place {
    /// The outermost value, which was requested by this name.
    Outermost(&'static str),
    /// The first key of the outermost value. If it is the name, `serde_json` answers with its text.
    FirstKey(&'static str),
    Inside,
}

impl<'t, 'de> Transcoder<'t, 'de> {
    pub(super) fn new(json: &'t mut Json<'de>, name: &'static str) -> Self {
        Self {
            json,
            depth: 0,
            place: Place::Outermost(name),
        }
    }

    fn inside(json: &'t mut Json<'de>, depth: u8) -> Self {
        Self {
            json,
            depth,
            place: Place::Inside,
        }
    }

    fn write<E: Error>(self, value: &(impl Serialize + ?Sized)) -> Result<(), E> {
        serde_json::to_writer(&mut self.json.written, value).map_err(E::custom)
    }

    /// The depth of the values in this list or map.
    ///
    /// # Errors
    ///
    /// If it is beyond the reader's limit: the converted text couldn't be read.
    fn enter<E: Error>(&self) -> Result<u8, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Transcoder<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Transcoder<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can hold")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<(), E> {
        self.write(&value)
    }

    /// Not by way of an `f64`, which would write 0.1 with more digits.
    fn visit_f32<E: Error>(self, value: f32) -> Result<(), E> {
        if value.is_finite() {
            self.write(&value)
        } else {
            self.visit_f64(value.into())
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if value.is_finite() {
            self.write(&value)
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        match self.place {
            Place::FirstKey(name) if value == name => Ok(()),
            _ => self.write(value),
        }
    }

    /// Some formats have bytes as their only strings.
    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<(), E> {
        match std::str::from_utf8(value) {
            Ok(text) => self.visit_str(text),
            Err(_) => Err(E::custom("bytes that aren't UTF-8 have no place in JSON")),
        }
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.visit_newtype_struct(deserializer)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.write(&())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Counted, because a format may nest these without end.
        let depth = self.enter()?;
        Self::inside(self.json, depth).deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let depth = self.enter()?;
        let json = self.json;
        json.written.push(b'[');
        let mut end = json.written.len();
        while let Some(()) = list.next_element_seed(Transcoder::inside(json, depth))? {
            end = json.written.len();
            json.written.push(b',');
        }
        json.written.truncate(end);
        json.written.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.enter()?;
        let json = self.json;
        let start = json.written.len();
        let mut first = Transcoder::inside(json, depth);
        if let Place::Outermost(name) = self.place {
            first.place = Place::FirstKey(name);
        }
        let mut more = map.next_key_seed(first)?.is_some();
        if more && json.written.len() == start {
            // Every other key has quotes at the least.
            return map.next_value_seed(GivenText(json));
        }
        json.written.insert(start, b'{');
        let mut key = start + 1;
        while more {
            finish_key(&mut json.written, key).map_err(A::Error::custom)?;
            map.next_value_seed(Transcoder::inside(json, depth))?;
            let end = json.written.len();
            json.written.push(b',');
            key = end + 1;
            more = map
                .next_key_seed(Transcoder::inside(json, depth))?
                .is_some();
            if !more {
                json.written.truncate(end);
            }
        }
        json.written.push(b'}');
        Ok(())
    }
}

/// Ends a key. A number or boolean becomes a string, as in a map that `serde_json` writes; any other value can't be a
/// key in JSON.
fn finish_key(written: &mut Vec<u8>, start: usize) -> Result<(), &'static str> {
    match written.get(start) {
        Some(b'"') => {}
        Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
            written.insert(start, b'"');
            written.push(b'"');
        }
        _ => return Err("a key must be a string"),
    }
    written.push(b':');
    Ok(())
}

/// The text that `serde_json` answers with.
struct GivenText<'t, 'de>(&'t mut Json<'de>);

impl<'de> DeserializeSeed<'de> for GivenText<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_string(self)
    }
}

impl<'de> Visitor<'de> for GivenText<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.0.given = Some(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<(), E> {
        self.0.given = Some(Cow::Owned(text));
        Ok(())
    }
}
