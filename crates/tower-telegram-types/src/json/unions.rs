//! Reading what can be one of several.

use super::{FromJson as _, ParseError, RawJson, Reader, Result};

/// Reads a value, or keeps it raw when it doesn't fit. What isn't JSON stays an error.
pub(crate) fn read_or_raw<T>(
    r: &mut Reader<'_>,
    unknown: fn(RawJson) -> T,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T>,
) -> Result<T> {
    read_or(r, |raw, _| unknown(raw), read)
}

/// The same, for those who also want to know why it didn't fit.
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

/// The first reading that the object fits, where no tag tells which it is. The keys are looked at as
/// well, since a list that is missing reads as an empty one.
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

#[cfg(feature = "serde-all")]
fn has_members(r: &mut Reader<'_>, keys: &[&str]) -> Result<bool> {
    let mut missing = keys.to_vec();
    let mut more = r.open_object()?;
    while more {
        let key = r.key_text()?;
        missing.retain(|name| *name != key);
        drop(key);
        r.skip()?;
        more = r.next_member()?;
    }
    Ok(missing.is_empty())
}
