//! Positions in UTF-16 code units, as entities count them.

use std::str::CharIndices;

use crate::types::MessageEntity;

/// The number of UTF-16 code units of a text.
pub(crate) fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Where the entity starts and where it ends, in UTF-16 code units.
pub(crate) fn range(entity: &MessageEntity) -> Option<[usize; 2]> {
    let start = usize::try_from(entity.offset).ok()?;
    let end = start.checked_add(usize::try_from(entity.length).ok()?)?;
    Some([start, end])
}

/// A number of units as entities have it. No text in memory is longer than that.
pub(crate) fn units(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A position in a text that only moves forward, in UTF-16 code units.
pub(crate) struct Utf16Cursor<'a> {
    rest: CharIndices<'a>,
    unit: usize,
}

impl<'a> Utf16Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            rest: text.char_indices(),
            unit: 0,
        }
    }

    /// The byte at which the code unit is, unless it's the second of a pair or beyond the end.
    pub(crate) fn seek(&mut self, unit: usize) -> Option<usize> {
        while self.unit < unit {
            let (_, char) = self.rest.next()?;
            self.unit += char.len_utf16();
        }
        (self.unit == unit).then(|| self.rest.offset())
    }
}
