//! Texts inside a field: `:` ends a field, so it is written as `%3A`, and `%` as `%25`.
//!
//! Control characters are escaped too. All others stay as they are, because an escaped letter takes three
//! times the room.

use std::{borrow::Cow, fmt};

use super::error::CallbackFormatError;

/// Writes a text so that no field ends in it.
pub(super) struct Escaped<'a>(pub(super) &'a str);

fn is_escaped(letter: char) -> bool {
    letter == ':' || letter == '%' || letter.is_ascii_control()
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_escaped) {
            let byte = rest.as_bytes()[at];
            write!(f, "{}%{byte:02X}", &rest[..at])?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// Reads what [`Escaped`] has written. Borrows a text in which nothing was escaped.
pub(super) fn unescape(text: &str) -> Result<Cow<'_, str>, CallbackFormatError> {
    let mut parts = text.split('%');
    let before = parts.next().unwrap_or_default();
    if before.len() == text.len() {
        return Ok(text.into());
    }
    let mut out = before.to_owned();
    for part in parts {
        out.push(escaped(part)?);
        out.push_str(&part[2..]);
    }
    Ok(out.into())
}

/// The character whose code the two digits at the beginning are.
fn escaped(part: &str) -> Result<char, CallbackFormatError> {
    let digits = part.get(..2).filter(|digits| {
        let mut digits = digits.bytes();
        digits.all(|digit| digit.is_ascii_hexdigit())
    });
    let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let letter = code.filter(u8::is_ascii).map(char::from);
    letter.ok_or_else(|| CallbackFormatError::new("a `%` without the code of a character"))
}
