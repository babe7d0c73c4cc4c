//! Strings and their escapes.
//!
//! Most strings have no escapes, and are found by looking for their closing quote, eight bytes at a time.

use std::borrow::Cow;

use super::cursor::{Reader, Result};
use crate::json::swar::{HIGH_BITS, LOW_BITS, splat};

impl<'a> Reader<'a> {
    /// Reads a string, borrowed from the text if it has no escapes.
    pub fn text(&mut self) -> Result<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return self.unexpected("a string");
        }
        let text = self.text;
        match self.plain_string()? {
            Some((start, end)) => Ok(Cow::Borrowed(&text[start..end])),
            None => Ok(Cow::Owned(self.escaped_string()?.to_owned())),
        }
    }

    /// Reads a string into a type of its own, with one copy.
    #[inline]
    pub fn string<T: for<'t> From<&'t str>>(&mut self) -> Result<T> {
        if !self.next_is(b'"') {
            return self.unexpected("a string");
        }
        match self.plain_string()? {
            Some((start, end)) => Ok(self.text[start..end].into()),
            None => self.escaped_string().map(T::from),
        }
    }

    /// Reads a string without escapes, from its opening quote, and returns the start and end of its content. `None` if it
    /// has escapes: the reader stays before the quote.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Result<Option<(usize, usize)>> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let end = plain_until(bytes, start);
        match bytes.get(end) {
            Some(b'"') => {
                self.at = end + 1;
                Ok(Some((start, end)))
            }
            Some(b'\\') => Ok(None),
            _ => self.invalid_string(end),
        }
    }

    /// Reads a string with escapes, and returns its content with all of them resolved.
    #[inline(never)]
    pub(super) fn escaped_string(&mut self) -> Result<&str> {
        let text = self.text;
        let bytes = text.as_bytes();
        let mut at = self.at + 1;
        self.unescaped.clear();
        if self.unescaped.capacity() == 0 {
            // No string is longer than the rest of the text.
            self.unescaped.reserve(bytes.len() - self.at);
        }
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(&self.unescaped);
                }
                Some(b'\\') => {
                    let Some((character, length)) = escape(&bytes[at..]) else {
                        self.at = at;
                        return self.syntax("a bad escape in a string");
                    };
                    self.unescaped.push(character);
                    at += length;
                }
                Some(0x20..) => {
                    let end = plain_until(bytes, at);
                    self.unescaped.push_str(&text[at..end]);
                    at = end;
                }
                _ => return self.invalid_string(at),
            }
        }
    }

    /// Fails at a byte that can't be in a string, or at the end of the text.
    #[cold]
    fn invalid_string<T>(&mut self, at: usize) -> Result<T> {
        self.at = at;
        if at < self.text.len() {
            self.syntax("a control character in a string")
        } else {
            self.syntax("the text ends early")
        }
    }
}

/// The place of the first quote, backslash or control character at or after `at`.
#[inline]
fn plain_until(bytes: &[u8], at: usize) -> usize {
    find_byte(bytes, at, |v| {
        let quote = (v ^ splat(b'"')).wrapping_sub(LOW_BITS);
        let backslash = (v ^ splat(b'\\')).wrapping_sub(LOW_BITS);
        let control = v.wrapping_sub(splat(b' '));
        (quote | backslash | control) & !v & HIGH_BITS
    })
}

/// The place of the first quote at or after `at`.
#[inline]
pub(super) fn quote_from(bytes: &[u8], at: usize) -> usize {
    find_byte(bytes, at, |v| {
        (v ^ splat(b'"')).wrapping_sub(LOW_BITS) & !v & HIGH_BITS
    })
}

/// The place of the first byte at or after `at` for which `hits` sets the high bit. `hits` looks at eight bytes, and must
/// be right about the first of those that it marks; later marks don't count.
#[inline]
fn find_byte(bytes: &[u8], mut at: usize, hits: impl Fn(u64) -> u64) -> usize {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let hit = hits(u64::from_le_bytes(*word));
        if hit != 0 {
            return at + (hit.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let hit = hits(last_word(bytes.get(at..).unwrap_or_default()));
    at + (hit.trailing_zeros() / 8) as usize
}

/// The last bytes of a text as a word, with a quote behind them at which the search ends.
#[inline(never)]
fn last_word(rest: &[u8]) -> u64 {
    let quote = u64::from(b'"');
    rest.iter()
        .rev()
        .fold(quote, |word, byte| word << 8 | u64::from(*byte))
}

/// The escape that starts here: its character and how many bytes it takes.
#[inline]
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let character = match bytes.get(1)? {
        b'u' => return unicode_escape(bytes),
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    };
    Some((character, 2))
}

/// `\uXXXX`, or two of them for a surrogate pair: the character and how many bytes it took.
fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let &[b'\\', b'u', a, b, c, d] = bytes.get(at..)?.first_chunk::<6>()? else {
            return None;
        };
        let digit = |byte: u8| HEX[usize::from(byte)];
        let value = digit(a) << 12 | digit(b) << 8 | digit(c) << 4 | digit(d);
        (value < NO_DIGIT).then_some(value)
    };
    let first = unit(0)?;
    if !(0xd800..=0xdbff).contains(&first) {
        return Some((char::from_u32(first)?, 6));
    }
    let second = unit(6).filter(|low| (0xdc00..=0xdfff).contains(low))?;
    let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(scalar)?, 12))
}

/// The value of a byte that is no hexadecimal digit: larger than any number of four digits.
const NO_DIGIT: u32 = 0x1_0000;

/// The values of the bytes as hexadecimal digits.
const HEX: [u32; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};
