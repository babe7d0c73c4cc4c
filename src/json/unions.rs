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

/// The first reading that the value fits, where no tag tells which it is.
#[cfg(feature = "serde-all")]
pub(crate) fn first_that_fits<T>(
    r: &mut Reader<'_>,
    readings: &[fn(&mut Reader<'_>) -> Result<T>],
) -> Result<T> {
    let start = r.mark();
    for read in readings {
        match read(r) {
            Err(_) if r.is_mismatch() => r.rewind(start),
            done => return done,
        }
    }
    r.mismatch("one of several types")
}
