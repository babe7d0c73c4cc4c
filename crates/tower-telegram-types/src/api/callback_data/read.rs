//! Reads a value from the fields of callback data.

use std::borrow::Cow;

use serde_core::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, SeqAccess, VariantAccess, Visitor},
};

use super::{error::CallbackFormatError, escape::unescape};

/// Reads what [`write`](super::write::write) has written, without the first `:`; `None` where there was no
/// field.
pub(super) fn read<'de, T: Deserialize<'de>>(
    fields: Option<&'de str>,
) -> Result<T, CallbackFormatError> {
    let mut reader = FieldReader { rest: fields };
    let value = T::deserialize(&mut reader)?;
    match reader.rest {
        None => Ok(value),
        Some(_) => Err(CallbackFormatError::new(
            "there are more fields than the type has",
        )),
    }
}

/// Takes one field after the other from the front.
struct FieldReader<'de> {
    rest: Option<&'de str>,
}

impl<'de> FieldReader<'de> {
    fn field(&mut self) -> Result<&'de str, CallbackFormatError> {
        let rest = self
            .rest
            .ok_or_else(|| CallbackFormatError::new("a field is missing"))?;
        let (field, rest) = match rest.split_once(':') {
            Some((field, rest)) => (field, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        Ok(field)
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, CallbackFormatError> {
        let field = self.field()?;
        let number = field.parse();
        number.map_err(|_| {
            CallbackFormatError::new(format!("not a number of the field's type: {field:?}"))
        })
    }

    fn text(&mut self) -> Result<String, CallbackFormatError> {
        unescape(self.field()?).map(Cow::into_owned)
    }
}

macro_rules! read_as_text {
    ($($method:ident $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CallbackFormatError> {
            visitor.$visit(self.number()?)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut FieldReader<'de> {
    type Error = CallbackFormatError;

    read_as_text! {
        deserialize_i8 visit_i8; deserialize_i16 visit_i16; deserialize_i32 visit_i32;
        deserialize_i64 visit_i64; deserialize_i128 visit_i128;
        deserialize_u8 visit_u8; deserialize_u16 visit_u16; deserialize_u32 visit_u32;
        deserialize_u64 visit_u64; deserialize_u128 visit_u128;
        deserialize_f32 visit_f32; deserialize_f64 visit_f64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CallbackFormatError> {
        Err(CallbackFormatError::unsupported(
            "a type that reads itself from whatever is there",
        ))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        match self.field()? {
            "0" => visitor.visit_bool(false),
            "1" => visitor.visit_bool(true),
            field => Err(CallbackFormatError::new(format!(
                "neither 0 nor 1: {field:?}"
            ))),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CallbackFormatError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CallbackFormatError> {
        Err(CallbackFormatError::unsupported("bytes"))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CallbackFormatError> {
        Err(CallbackFormatError::unsupported("bytes"))
    }

    fn deserialize_option<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        match self.field()? {
            "" => visitor.visit_none(),
            "+" => visitor.visit_some(self),
            field => Err(CallbackFormatError::new(format!(
                "neither none nor some: {field:?}"
            ))),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CallbackFormatError> {
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
    ) -> Result<V::Value, CallbackFormatError> {
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
    ) -> Result<V::Value, CallbackFormatError> {
        self.deserialize_tuple(left, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CallbackFormatError> {
        Err(CallbackFormatError::unsupported("a map"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        visitor.visit_enum(FieldVariant { reader: self })
    }

    fn deserialize_identifier<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        visitor.visit_u32(self.number()?)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

struct Elements<'a, 'de> {
    reader: &'a mut FieldReader<'de>,
    left: usize,
    /// Whether fields may be missing at the end, because the button was made before the type had them. They
    /// are read by `serde(default)`.
    may_be_fewer: bool,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = CallbackFormatError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, CallbackFormatError> {
        if self.left == 0 || (self.may_be_fewer && self.reader.rest.is_none()) {
            return Ok(None);
        }
        self.left -= 1;
        let before = self.reader.rest;
        let element = seed.deserialize(&mut *self.reader)?;
        // The number of elements comes from outside. Elements without a field could be any number of them.
        if !self.may_be_fewer && self.reader.rest == before {
            return Err(CallbackFormatError::new(
                "an element of a list has no field",
            ));
        }
        Ok(Some(element))
    }
}

struct FieldVariant<'a, 'de> {
    reader: &'a mut FieldReader<'de>,
}

impl<'de> EnumAccess<'de> for FieldVariant<'_, 'de> {
    type Error = CallbackFormatError;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self), CallbackFormatError> {
        let variant = seed.deserialize(&mut *self.reader)?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for FieldVariant<'_, 'de> {
    type Error = CallbackFormatError;

    fn unit_variant(self) -> Result<(), CallbackFormatError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, CallbackFormatError> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        self.reader.deserialize_tuple(left, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CallbackFormatError> {
        self.reader.deserialize_tuple(fields.len(), visitor)
    }
}
