//! A text format for callback data: the fields one after the other, a `:` before each.
//!
//! A struct, a tuple and a newtype are their fields; a `bool` is 0 or 1; a variant is its number and its
//! fields; an `Option` is empty or a `+` before its value; a list begins with its length. In texts `:` and
//! `%` are written as `%3A` and `%25`. Fields that are missing at the end are `serde(default)`'s.
//!
//! The format doesn't describe itself: it is read by the type that wrote it. JSON would spend many of the 64
//! bytes on names and quotes, and binary formats aren't text.

use std::{error, fmt};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde_core::{
    Deserialize, Deserializer, Serialize, Serializer, de,
    de::{DeserializeSeed, EnumAccess, SeqAccess, VariantAccess, Visitor},
    ser,
};

const ESCAPED: &AsciiSet = &CONTROLS.add(b':').add(b'%');

/// Appends the fields.
pub(super) fn write<T: Serialize>(value: &T, out: &mut String) -> Result<(), CompactError> {
    value.serialize(&mut FieldWriter { out })
}

/// Reads what was written, without the first `:`; `None` where there was no field.
pub(super) fn read<'de, T: Deserialize<'de>>(fields: Option<&'de str>) -> Result<T, CompactError> {
    let mut reader = FieldReader { rest: fields };
    let value = T::deserialize(&mut reader)?;
    match reader.rest {
        None => Ok(value),
        Some(_) => Err(CompactError::new("more fields than there should be")),
    }
}

/// Why a value can't be written or read.
#[derive(Debug, PartialEq, Eq)]
pub struct CompactError(Box<str>);

impl CompactError {
    fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    fn unsupported(what: &str) -> Self {
        Self::new(format!("callback data can't have {what}"))
    }
}

impl fmt::Display for CompactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for CompactError {}

impl ser::Error for CompactError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}

impl de::Error for CompactError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}

struct FieldWriter<'a> {
    out: &'a mut String,
}

impl FieldWriter<'_> {
    fn field(&mut self, text: impl fmt::Display) {
        use fmt::Write as _;
        // Writing to a string can't fail.
        let _ = write!(self.out, ":{text}");
    }
}

macro_rules! write_as_text {
    ($($method:ident $number:ty;)*) => {$(
        fn $method(self, number: $number) -> Result<(), CompactError> {
            self.field(number);
            Ok(())
        }
    )*};
}

impl Serializer for &mut FieldWriter<'_> {
    type Ok = ();
    type Error = CompactError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = ser::Impossible<(), CompactError>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    write_as_text! {
        serialize_i8 i8; serialize_i16 i16; serialize_i32 i32; serialize_i64 i64; serialize_i128 i128;
        serialize_u8 u8; serialize_u16 u16; serialize_u32 u32; serialize_u64 u64; serialize_u128 u128;
        serialize_f32 f32; serialize_f64 f64;
    }

    fn serialize_bool(self, value: bool) -> Result<(), CompactError> {
        self.serialize_u8(value.into())
    }

    fn serialize_char(self, value: char) -> Result<(), CompactError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), CompactError> {
        self.field(Escaped(value));
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), CompactError> {
        Err(CompactError::unsupported("bytes"))
    }

    fn serialize_none(self) -> Result<(), CompactError> {
        self.field("");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CompactError> {
        self.field("+");
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CompactError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CompactError> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
    ) -> Result<(), CompactError> {
        self.serialize_u32(number)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CompactError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), CompactError> {
        self.field(number);
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, CompactError> {
        let length = length.ok_or_else(|| CompactError::unsupported("a list of unknown length"))?;
        self.field(length);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, CompactError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, CompactError> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CompactError> {
        self.field(number);
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CompactError> {
        Err(CompactError::unsupported("a map"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, CompactError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CompactError> {
        self.field(number);
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Sequences of values.
macro_rules! write_elements {
    ($($trait:ident $method:ident $(, $key:ty)?;)*) => {$(
        impl ser::$trait for &mut FieldWriter<'_> {
            type Ok = ();
            type Error = CompactError;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $key,)?
                value: &T,
            ) -> Result<(), CompactError> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), CompactError> {
                Ok(())
            }
        }
    )*};
}

write_elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
    SerializeStruct serialize_field, &'static str;
    SerializeStructVariant serialize_field, &'static str;
}

/// A text in which no field ends.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Other letters stay: an escaped one would take three times the room.
        let mut rest = self.0;
        while let Some(at) = rest.find(|letter: char| !letter.is_ascii()) {
            let (ascii, others) = rest.split_at(at);
            let end = others.find(|letter: char| letter.is_ascii());
            let (others, after) = others.split_at(end.unwrap_or(others.len()));
            write!(f, "{}{others}", utf8_percent_encode(ascii, ESCAPED))?;
            rest = after;
        }
        write!(f, "{}", utf8_percent_encode(rest, ESCAPED))
    }
}

struct FieldReader<'de> {
    rest: Option<&'de str>,
}

impl<'de> FieldReader<'de> {
    fn field(&mut self) -> Result<&'de str, CompactError> {
        let rest = self
            .rest
            .ok_or_else(|| CompactError::new("a field is missing"))?;
        let (field, rest) = match rest.split_once(':') {
            Some((field, rest)) => (field, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        Ok(field)
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, CompactError> {
        let field = self.field()?;
        let number = field.parse();
        number.map_err(|_| CompactError::new(format!("no number of its type: {field:?}")))
    }

    fn text(&mut self) -> Result<String, CompactError> {
        let text = percent_decode_str(self.field()?).decode_utf8();
        let text = text.map_err(|_| CompactError::new("a text isn't UTF-8"))?;
        Ok(text.into_owned())
    }
}

macro_rules! read_as_text {
    ($($method:ident $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CompactError> {
            visitor.$visit(self.number()?)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut FieldReader<'de> {
    type Error = CompactError;

    read_as_text! {
        deserialize_i8 visit_i8; deserialize_i16 visit_i16; deserialize_i32 visit_i32;
        deserialize_i64 visit_i64; deserialize_i128 visit_i128;
        deserialize_u8 visit_u8; deserialize_u16 visit_u16; deserialize_u32 visit_u32;
        deserialize_u64 visit_u64; deserialize_u128 visit_u128;
        deserialize_f32 visit_f32; deserialize_f64 visit_f64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CompactError> {
        Err(CompactError::unsupported("what is to describe itself"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, CompactError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CompactError> {
        match self.field()? {
            "0" => visitor.visit_bool(false),
            "1" => visitor.visit_bool(true),
            field => Err(CompactError::new(format!("neither 0 nor 1: {field:?}"))),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CompactError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CompactError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CompactError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CompactError> {
        Err(CompactError::unsupported("bytes"))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CompactError> {
        Err(CompactError::unsupported("bytes"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CompactError> {
        match self.field()? {
            "" => visitor.visit_none(),
            "+" => visitor.visit_some(self),
            field => Err(CompactError::new(format!(
                "neither none nor some: {field:?}"
            ))),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CompactError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, CompactError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, CompactError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CompactError> {
        let left = self.number()?;
        visitor.visit_seq(Elements {
            reader: self,
            left,
            may_be_fewer: false,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, CompactError> {
        visitor.visit_seq(Elements {
            reader: self,
            left,
            may_be_fewer: true,
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, CompactError> {
        self.deserialize_tuple(left, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CompactError> {
        Err(CompactError::unsupported("a map"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CompactError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CompactError> {
        visitor.visit_enum(Variant { reader: self })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CompactError> {
        visitor.visit_u32(self.number()?)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

struct Elements<'a, 'de> {
    reader: &'a mut FieldReader<'de>,
    left: usize,
    /// Whether the last may be missing, as in what was written before the type had them: `serde(default)`.
    may_be_fewer: bool,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = CompactError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, CompactError> {
        if self.left == 0 || (self.may_be_fewer && self.reader.rest.is_none()) {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

struct Variant<'a, 'de> {
    reader: &'a mut FieldReader<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = CompactError;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self), CompactError> {
        let variant = seed.deserialize(&mut *self.reader)?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = CompactError;

    fn unit_variant(self) -> Result<(), CompactError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, CompactError> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, CompactError> {
        self.reader.deserialize_tuple(left, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CompactError> {
        self.reader.deserialize_tuple(fields.len(), visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Debug};

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct All {
        number: i64,
        float: f64,
        yes: bool,
        letter: char,
        text: String,
        some: Option<String>,
        none: Option<u8>,
        list: Vec<u8>,
        pair: (u8, Inner),
        choices: [Choice; 4],
    }

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Inner(u32);

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    enum Choice {
        Unit,
        One(u8),
        Two(u8, u8),
        Named { at: u8 },
    }

    fn text<T: Serialize>(value: &T) -> String {
        let mut out = String::new();
        write(value, &mut out).unwrap();
        out
    }

    fn again<T>(value: &T) -> T
    where
        T: Serialize + for<'de> Deserialize<'de>,
    {
        let text = text(value);
        read(text.strip_prefix(':')).unwrap()
    }

    #[test]
    fn j4_what_was_written_is_read_again() {
        let all = All {
            number: -7,
            float: 0.5,
            yes: true,
            letter: ':',
            text: "a:b%c ü✨".into(),
            some: Some(String::new()),
            none: None,
            list: vec![1, 2, 3],
            pair: (1, Inner(2)),
            choices: [
                Choice::Unit,
                Choice::One(1),
                Choice::Two(2, 3),
                Choice::Named { at: 4 },
            ],
        };
        assert_eq!(again(&all), all);
        assert_eq!(
            text(&all),
            ":-7:0.5:1:%3A:a%3Ab%25c ü✨:+:::3:1:2:3:1:2:0:1:1:2:2:3:3:4"
        );
        assert_eq!(text(&()), "");
        again(&());
    }

    #[test]
    fn j4_what_does_not_fit_is_an_error_and_no_panic() {
        fn fails<T: for<'de> Deserialize<'de> + Debug>(fields: impl Into<Option<&'static str>>) {
            read::<T>(fields.into()).unwrap_err();
        }
        fails::<u8>("256");
        fails::<u8>("");
        fails::<u8>(None);
        fails::<u8>("1:2");
        fails::<bool>("2");
        fails::<(u8, u8)>("1");
        fails::<Vec<u8>>("18446744073709551615:1");
        fails::<Vec<u8>>("2:1");
        fails::<Option<u8>>("-");
        fails::<Choice>("4");
        fails::<Choice>("Unit");
        fails::<char>("ab");
        fails::<String>("%ff");
        fails::<serde_json::Value>("1");
        fails::<BTreeMap<u8, u8>>("1:2");
        let mut out = String::new();
        write(&BTreeMap::from([(1, 2)]), &mut out).unwrap_err();
    }
}
