//! Reading a text from its beginning to its end.

use super::{
    error::ParseError,
    reader::{FromJson, Reader},
};

/// Reads a whole text.
pub fn from_str<T: FromJson>(text: &str) -> Result<T, ParseError> {
    read_whole(text, true)
}

/// The same, with an error for a part that doesn't fit, even where it could be left out: what a test made up is to be
/// what it says.
pub fn from_str_strictly<T: FromJson>(text: &str) -> Result<T, ParseError> {
    read_whole(text, false)
}

#[inline]
fn read_whole<T: FromJson>(text: &str, leaves_out: bool) -> Result<T, ParseError> {
    let mut r = Reader::new(text);
    r.leave_out_misfits(leaves_out);
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
pub fn from_slice<T: FromJson>(bytes: &[u8]) -> Result<T, ParseError> {
    from_str(utf8(bytes)?)
}

pub fn utf8(bytes: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(bytes).map_err(|e| ParseError::syntax("not UTF-8", e.valid_up_to()))
}

/// Whether the text is one JSON value, within the limits of [`Reader`].
pub fn check(text: &str) -> Result<(), ParseError> {
    let mut r = Reader::new(text);
    match r.skip().and_then(|()| r.finish()) {
        Ok(()) => Ok(()),
        Err(_) => Err(r.into_error()),
    }
}
