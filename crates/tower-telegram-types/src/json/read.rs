//! Reading of a whole text as one value.

use super::{
    error::ParseError,
    reader::{FromJson, Reader},
};

/// Reads a whole text as one value.
///
/// ```
/// use tower_telegram_types::{json, types::User};
///
/// let user: User = json::from_str(r#"{"id": 42, "is_bot": false, "first_name": "Ada"}"#)?;
/// assert_eq!(user.id, 42);
/// # Ok::<_, tower_telegram_types::types::ParseError>(())
/// ```
///
/// # Errors
///
/// If the text isn't JSON, has a key twice in any object, or doesn't fit the type. If it is malformed and unfitting, it
/// counts as malformed, wherever the faults are: this decides whether a webhook responds with 400.
pub fn from_str<T: FromJson>(text: &str) -> Result<T, ParseError> {
    read_whole(text, true)
}

/// Reads a whole text as one value, with an error for every part that doesn't fit.
///
/// [`from_str`] leaves out such a part of an optional field or a list. A test that makes up an update wants to know of
/// a mistake in it.
pub fn from_str_strictly<T: FromJson>(text: &str) -> Result<T, ParseError> {
    read_whole(text, false)
}

#[inline]
fn read_whole<T: FromJson>(text: &str, leaves_out: bool) -> Result<T, ParseError> {
    let mut r = Reader::new(text);
    r.leave_out_misfits(leaves_out);
    match T::from_json(&mut r) {
        Ok(value) if r.finish().is_ok() => {
            // No type has compared the keys in the skipped values.
            if r.has_skipped() {
                check_keys(text)?;
            }
            Ok(value)
        }
        // The type stopped half-way. Whether the rest is JSON decides which kind of error this is, and so whether the
        // response is 400 or the update goes on raw.
        Err(_) if r.is_mismatch() => {
            let error = r.into_error();
            check_keys(text)?;
            Err(error)
        }
        _ => Err(r.into_error()),
    }
}

/// Checks that the text is one JSON value, and that no key occurs twice in any object.
///
/// It is a reading of its own, once for a text: parts that don't fit may be inside one another, and would each be read
/// again.
#[cold]
fn check_keys(text: &str) -> Result<(), ParseError> {
    let mut r = Reader::new(text);
    match r.compare_keys().and_then(|()| r.finish()) {
        Ok(()) => Ok(()),
        Err(_) => Err(r.into_error()),
    }
}

/// Reads a whole text, of which it is unknown whether it is UTF-8. See [`from_str`].
pub fn from_slice<T: FromJson>(bytes: &[u8]) -> Result<T, ParseError> {
    from_str(utf8(bytes)?)
}

/// The bytes as text.
///
/// # Errors
///
/// If they aren't UTF-8, with the place of the first wrong byte.
pub fn utf8(bytes: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(bytes).map_err(|e| ParseError::syntax("not UTF-8", e.valid_up_to()))
}

/// Checks that the text is one JSON value, within the limits of [`Reader`]. Keys that occur twice are left to the type
/// that reads it.
///
/// # Errors
///
/// If it isn't, with the place of the first fault.
pub fn check(text: &str) -> Result<(), ParseError> {
    let mut r = Reader::new(text);
    match r.skip().and_then(|()| r.finish()) {
        Ok(()) => Ok(()),
        Err(_) => Err(r.into_error()),
    }
}
