//! Reading a value that may be of several types.
//!
//! A union has a variant `Unknown` for a value of a type that is newer than this version, and for one that doesn't fit
//! any of its types. Such a value is kept as its text, so that one new value never makes an update unreadable.

use super::{FromJson as _, ParseError, RawJson, Reader, Result};

/// Reads a value, or keeps its text if it doesn't fit.
///
/// A text that isn't JSON stays an error.
pub(crate) fn read_or_raw<T>(
    r: &mut Reader<'_>,
    unknown: fn(RawJson) -> T,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T>,
) -> Result<T> {
    read_or(r, |raw, _| unknown(raw), read)
}

/// Reads a value; if it doesn't fit, `unknown` gets its text and the reason.
///
/// A text that isn't JSON stays an error.
pub(crate) fn read_or<T>(
    r: &mut Reader<'_>,
    unknown: impl FnOnce(RawJson, ParseError) -> T,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T>,
) -> Result<T> {
    let start = r.mark();
    match read(r) {
        Ok(value) => Ok(value),
        Err(_) if r.is_mismatch() => {
            let fault = r.take_error();
            r.rewind(start);
            Ok(unknown(RawJson::from_json(r)?, fault))
        }
        Err(stop) => Err(stop),
    }
}

/// The keys that an object must have for a reading, and the reading.
#[cfg(feature = "serde-all")]
pub(crate) type Candidate<T> = (&'static [&'static str], fn(&mut Reader<'_>) -> Result<T>);

/// Reads an object whose type isn't named by a tag: the first attempt that fits wins.
///
/// An attempt counts only if the object has all of its keys. Reading alone wouldn't show that, because a missing list
/// reads as an empty one.
#[cfg(feature = "serde-all")]
pub(crate) fn first_that_fits<T>(r: &mut Reader<'_>, attempts: &[Candidate<T>]) -> Result<T> {
    let start = r.mark();
    for (keys, read) in attempts {
        let fits = has_members(r, keys)?;
        r.rewind(start);
        if !fits {
            continue;
        }
        match read(r) {
            Err(_) if r.is_mismatch() => r.rewind(start),
            done => return done,
        }
    }
    r.mismatch("one of several types")
}

/// Whether the object that starts here has all of the keys. Reads to the object's end.
#[cfg(feature = "serde-all")]
fn has_members(r: &mut Reader<'_>, keys: &[&str]) -> Result<bool> {
    let mut missing = keys.to_vec();
    let mut more = r.open_object()?;
    while more {
        let key = r.key_text()?;
        missing.retain(|name| *name != key);
        drop(key);
        r.pass_over()?;
        more = r.next_member()?;
    }
    Ok(missing.is_empty())
}
