//! Reading JSON, for the generated types and for what `tower-telegram` reads by itself. Writing it is
//! serde's.

mod error;
mod impls;
mod macros;
mod raw;
mod reader;
mod swar;
#[cfg(test)]
mod tests;
mod unions;
mod write;

#[cfg(feature = "serde-all")]
pub(crate) use self::unions::first_that_fits;
pub use self::{error::ParseError, raw::RawJson};
pub(crate) use self::{
    macros::{deserialize_from_json, string_enum},
    unions::{read_or, read_or_raw},
};
pub use self::{
    reader::{FromJson, Mark, Reader, Result, Stop},
    write::write_exact,
};

/// What a lookup of a key says when the type has no such field.
pub const NO_FIELD: u8 = u8::MAX;

/// Reads a whole text.
pub fn from_str<T: FromJson>(text: &str) -> std::result::Result<T, ParseError> {
    let mut r = Reader::new(text);
    let read = T::from_json(&mut r).and_then(|value| r.finish().map(|()| value));
    match read {
        Ok(value) => Ok(value),
        // The type gave up half-way: whether the rest is JSON at all decides what kind of error
        // this is, and so whether it is answered with 400 or handed on raw.
        Err(_) if r.is_mismatch() => {
            let error = r.into_error();
            check(text)?;
            Err(error)
        }
        Err(_) => Err(r.into_error()),
    }
}

/// Reads a whole text that may not be UTF-8.
pub fn from_slice<T: FromJson>(bytes: &[u8]) -> std::result::Result<T, ParseError> {
    from_str(utf8(bytes)?)
}

pub fn utf8(bytes: &[u8]) -> std::result::Result<&str, ParseError> {
    std::str::from_utf8(bytes).map_err(|e| ParseError::syntax("not UTF-8", e.valid_up_to()))
}

/// Whether the text is one JSON value, within the limits of [`Reader`].
pub fn check(text: &str) -> std::result::Result<(), ParseError> {
    let mut r = Reader::new(text);
    match r.skip().and_then(|()| r.finish()) {
        Ok(()) => Ok(()),
        Err(_) => Err(r.into_error()),
    }
}
