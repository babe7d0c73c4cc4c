//! Writes a value as the fields of callback data.

use std::fmt;

use serde_core::{Serialize, Serializer, ser};

use super::{error::CallbackFormatError, escape::Escaped};

/// Appends the fields of a value, with a `:` before each.
pub(super) fn write<T: Serialize>(value: &T, out: &mut String) -> Result<(), CallbackFormatError> {
    value.serialize(&mut FieldWriter { out })
}

/// Appends one field after the other.
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
        fn $method(self, number: $number) -> Result<(), CallbackFormatError> {
            self.field(number);
            Ok(())
        }
    )*};
}

impl Serializer for &mut FieldWriter<'_> {
    type Ok = ();
    type Error = CallbackFormatError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = ser::Impossible<(), CallbackFormatError>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    write_as_text! {
        serialize_i8 i8; serialize_i16 i16; serialize_i32 i32; serialize_i64 i64; serialize_i128 i128;
        serialize_u8 u8; serialize_u16 u16; serialize_u32 u32; serialize_u64 u64; serialize_u128 u128;
        serialize_f32 f32; serialize_f64 f64;
    }

    fn serialize_bool(self, value: bool) -> Result<(), CallbackFormatError> {
        self.serialize_u8(value.into())
    }

    fn serialize_char(self, value: char) -> Result<(), CallbackFormatError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), CallbackFormatError> {
        self.field(Escaped(value));
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), CallbackFormatError> {
        Err(CallbackFormatError::unsupported("bytes"))
    }

    fn serialize_none(self) -> Result<(), CallbackFormatError> {
        self.field("");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CallbackFormatError> {
        self.field("+");
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CallbackFormatError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CallbackFormatError> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
    ) -> Result<(), CallbackFormatError> {
        self.serialize_u32(number)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CallbackFormatError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), CallbackFormatError> {
        self.field(number);
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, CallbackFormatError> {
        let length =
            length.ok_or_else(|| CallbackFormatError::unsupported("a list of unknown length"))?;
        self.field(length);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, CallbackFormatError> {
        Ok(self)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CallbackFormatError> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CallbackFormatError> {
        self.field(number);
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CallbackFormatError> {
        Err(CallbackFormatError::unsupported("a map"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, CallbackFormatError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        number: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CallbackFormatError> {
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
            type Error = CallbackFormatError;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $key,)?
                value: &T,
            ) -> Result<(), CallbackFormatError> {
                value.serialize(&mut **self)
            }

            $(
                // Fields are read by their place, so that one that is left out would shift the rest.
                fn skip_field(&mut self, _: $key) -> Result<(), CallbackFormatError> {
                    Err(CallbackFormatError::unsupported("a field that is left out"))
                }
            )?

            fn end(self) -> Result<(), CallbackFormatError> {
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
