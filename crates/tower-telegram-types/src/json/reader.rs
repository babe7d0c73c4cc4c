//! A pull reader over one JSON text.
//!
//! It is what the generated types are read with. Unlike a serde visitor it can look at an object's
//! tag and come back, and go back to where an object began and keep it raw when it doesn't fit;
//! both are what keeps one new value from Telegram from losing the whole update. It isn't generic,
//! so the code for all types is compiled once, in this crate.
//!
//! It accepts what RFC 8259 accepts, in valid UTF-8, nested at most [`MAX_DEPTH`] deep, without
//! lone surrogates. `serde_json` is its oracle in the tests.

use std::borrow::Cow;

use super::{
    NO_FIELD,
    error::{Fault, FaultKind, ParseError},
    swar::{HIGHS, ONES, eight},
};
use crate::types::Str;

/// How deep arrays and objects may be nested: the same as `serde_json`'s limit.
pub(super) const MAX_DEPTH: u8 = 128;

/// Reading can't go on; why is kept in the reader, so that results stay small.
#[derive(Debug)]
pub struct Stop;

pub type Result<T> = std::result::Result<T, Stop>;

/// A type that can be read from JSON.
pub trait FromJson: Sized {
    fn from_json(r: &mut Reader<'_>) -> Result<Self>;
}

#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
    fault: Option<Fault>,
    /// Where escapes are resolved: one allocation for all strings that have some.
    unescaped: String,
}

/// A place to come back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            fault: None,
            unescaped: String::new(),
        }
    }

    // ---- Where we are -------------------------------------------------------------------------

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that isn't white space, not consumed.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    /// The same as `peek`, where white space would be a surprise.
    #[inline]
    fn is_next(&mut self, wanted: u8) -> bool {
        self.byte() == Some(wanted) || self.peek() == Some(wanted)
    }

    /// The byte at which the next value or key starts.
    pub fn offset(&mut self) -> usize {
        self.mark().at
    }

    pub fn mark(&mut self) -> Mark {
        self.peek();
        Mark {
            at: self.at,
            depth: self.depth,
        }
    }

    pub fn rewind(&mut self, mark: Mark) {
        self.at = mark.at;
        self.depth = mark.depth;
        self.fault = None;
    }

    /// Whether the text can still be read on from a [`Mark`]: it was the type that didn't fit.
    pub fn is_mismatch(&self) -> bool {
        matches!(
            self.fault,
            Some(Fault {
                kind: FaultKind::Mismatch,
                ..
            })
        )
    }

    pub fn into_error(mut self) -> ParseError {
        self.take_error()
    }

    /// Why reading stopped, from a reader that goes on.
    pub fn take_error(&mut self) -> ParseError {
        ParseError::new(self.fault.take().unwrap_or(Fault {
            kind: FaultKind::Syntax,
            at: self.at,
            what: "unreadable",
            field: "",
        }))
    }

    /// Nothing but white space may be left.
    pub fn finish(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.syntax("characters after the value"),
        }
    }

    // ---- What went wrong ----------------------------------------------------------------------

    #[cold]
    pub fn syntax<T>(&mut self, what: &'static str) -> Result<T> {
        self.fail(FaultKind::Syntax, what)
    }

    /// Well-formed so far, but not what the type calls for.
    #[cold]
    pub fn mismatch<T>(&mut self, what: &'static str) -> Result<T> {
        self.fail(FaultKind::Mismatch, what)
    }

    #[cold]
    fn fail<T>(&mut self, kind: FaultKind, what: &'static str) -> Result<T> {
        self.fault = Some(Fault {
            kind,
            at: self.at,
            what,
            field: "",
        });
        Err(Stop)
    }

    /// Not what was asked for: a syntax error if no value can start here, else a mismatch.
    #[cold]
    fn unexpected<T>(&mut self, wanted: &'static str) -> Result<T> {
        match self.peek() {
            Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                self.mismatch(wanted)
            }
            Some(_) => self.syntax("not a value"),
            None => self.syntax("the text ends early"),
        }
    }

    // ---- Objects and arrays -------------------------------------------------------------------

    #[inline]
    fn enter(&mut self) -> Result<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.syntax("nested too deep");
        }
        Ok(())
    }

    /// Goes into an object; says whether it has a member.
    #[inline]
    pub fn open_object(&mut self) -> Result<bool> {
        if !self.is_next(b'{') {
            return self.unexpected("an object");
        }
        self.enter()?;
        Ok(self.has_first(b'}'))
    }

    /// Goes into an array; says whether it has an element.
    #[inline]
    pub fn open_array(&mut self) -> Result<bool> {
        if self.peek() != Some(b'[') {
            return self.unexpected("an array");
        }
        self.enter()?;
        Ok(self.has_first(b']'))
    }

    #[inline]
    fn has_first(&mut self, close: u8) -> bool {
        let empty = self.peek() == Some(close);
        if empty {
            self.at += 1;
            self.depth -= 1;
        }
        !empty
    }

    /// After a member: whether another follows. Leaves the object if not.
    #[inline]
    pub fn next_member(&mut self) -> Result<bool> {
        self.next_item(b'}')
    }

    /// After an element: whether another follows. Leaves the array if not.
    #[inline]
    pub fn next_element(&mut self) -> Result<bool> {
        self.next_item(b']')
    }

    #[inline]
    fn next_item(&mut self, close: u8) -> Result<bool> {
        // Mostly there is no white space before it.
        if self.byte() == Some(b',') {
            self.at += 1;
            return Ok(true);
        }
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(b) if b == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(_) => self.syntax("neither a comma nor the end of the list"),
            None => self.syntax("the text ends early"),
        }
    }

    /// Reads a member's key and the colon behind it, and looks the key up.
    #[inline]
    pub fn key<R>(&mut self, lookup: impl FnOnce(&[u8]) -> R) -> Result<R> {
        if self.peek() != Some(b'"') {
            return self.syntax("a key must be a string");
        }
        let found = match self.plain_string()? {
            Some((start, end)) => lookup(&self.text.as_bytes()[start..end]),
            None => lookup(self.escaped_string()?.as_bytes()),
        };
        if self.peek() != Some(b':') {
            return self.syntax("a colon must follow the key");
        }
        self.at += 1;
        Ok(found)
    }

    /// Reads a member's key and the colon behind it, and gives the field's number. The names of fields
    /// have nothing escaped, so what one of them is found for needs no closer look.
    #[inline]
    pub fn field_key(&mut self, lookup: impl Fn(&[u8]) -> u8) -> Result<u8> {
        if !self.is_next(b'"') {
            return self.syntax("a key must be a string");
        }
        let quote = self.at;
        let rest = self.text.as_bytes().get(quote + 1..).unwrap_or_default();
        let length = quote_from(rest, 0);
        self.at = quote + length + 2;
        // With the quote: a text that ends before it has no key.
        let mut key = rest.get(..=length).map_or(&[][..], |it| &it[..length]);
        let mut is_checked = false;
        let found = loop {
            let found = lookup(key);
            if found != NO_FIELD || is_checked {
                break found;
            }
            key = self.checked_key(quote)?;
            is_checked = true;
        };
        if !self.is_next(b':') {
            return self.syntax("a colon must follow the key");
        }
        self.at += 1;
        Ok(found)
    }

    #[cold]
    #[inline(never)]
    fn checked_key(&mut self, quote: usize) -> Result<&[u8]> {
        self.at = quote;
        match self.plain_string()? {
            Some((start, end)) => Ok(&self.text.as_bytes()[start..end]),
            None => self.escaped_string().map(str::as_bytes),
        }
    }

    /// The member's key as text, for those who don't know which to expect.
    pub fn key_text(&mut self) -> Result<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return self.syntax("a key must be a string");
        }
        let text = self.text;
        let key = match self.plain_string()? {
            Some((start, end)) => Cow::Borrowed(&text[start..end]),
            None => Cow::Owned(self.escaped_string()?.to_owned()),
        };
        if self.peek() != Some(b':') {
            return self.syntax("a colon must follow the key");
        }
        self.at += 1;
        Ok(key)
    }

    /// Reads a member's value into its place. `null` leaves the place empty; a key that comes
    /// twice is an error, as two readers could disagree on which of the two counts.
    #[inline]
    pub fn field<T: FromJson>(&mut self, slot: &mut Option<T>, name: &'static str) -> Result<()> {
        if slot.is_some() {
            return self.duplicate(name);
        }
        if self.peek() == Some(b'n') {
            return self.literal("null");
        }
        match T::from_json(self) {
            Ok(value) => {
                *slot = Some(value);
                Ok(())
            }
            Err(Stop) => self.name_fault(name),
        }
    }

    #[cold]
    pub fn duplicate<T>(&mut self, name: &'static str) -> Result<T> {
        let stop = self.syntax("a key comes twice");
        if let Some(fault) = &mut self.fault {
            fault.field = name;
        }
        stop
    }

    /// The innermost field is the one worth naming.
    #[cold]
    fn name_fault(&mut self, name: &'static str) -> Result<()> {
        if let Some(fault) = &mut self.fault
            && fault.field.is_empty()
        {
            fault.field = name;
        }
        Err(Stop)
    }

    /// What a required field must have.
    #[inline]
    pub fn required<T>(&mut self, value: Option<T>, name: &'static str) -> Result<T> {
        match value {
            Some(value) => Ok(value),
            None => self.missing(name),
        }
    }

    #[cold]
    fn missing<T>(&mut self, name: &'static str) -> Result<T> {
        let stop = self.mismatch("a field that is missing");
        if let Some(fault) = &mut self.fault {
            fault.field = name;
        }
        stop
    }

    /// Stays before the object that must start here.
    pub fn peek_object(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'{') => Ok(()),
            _ => self.unexpected("an object"),
        }
    }

    /// Goes into the object that starts here, up to the value of the member `name`; if there is
    /// none, to the object's end.
    pub fn find(&mut self, name: &str) -> Result<bool> {
        let mut more = self.open_object()?;
        while more {
            if self.key(|key| key == name.as_bytes())? {
                return Ok(true);
            }
            self.skip()?;
            more = self.next_member()?;
        }
        Ok(false)
    }

    /// Reads the text of the member `tag` of the object that starts here, and stays before it.
    pub fn peek_tag(&mut self, tag: &str) -> Result<Cow<'a, str>> {
        let mark = self.mark();
        if !self.find(tag)? {
            return self.mismatch("an object with its tag");
        }
        let value = self.text()?;
        self.rewind(mark);
        Ok(value)
    }

    // ---- Scalars ------------------------------------------------------------------------------

    #[inline]
    pub fn literal(&mut self, word: &'static str) -> Result<()> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        self.syntax("not a value")
    }

    #[inline]
    pub fn boolean(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b't') => self.literal("true").map(|()| true),
            Some(b'f') => self.literal("false").map(|()| false),
            _ => self.unexpected("a boolean"),
        }
    }

    /// Digits from here on; the caller has looked at the sign. `None` when they overflow.
    #[inline]
    fn digits(&mut self) -> Result<Option<u64>> {
        let digits = &self.text.as_bytes()[self.at..];
        let mut value = 0_u64;
        let mut length = 0;
        while let Some(digit @ b'0'..=b'9') = digits.get(length) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            length += 1;
        }
        self.at += length;
        if length == 0 || (length > 1 && digits[0] == b'0') {
            return self.syntax("not a number");
        }
        // 19 digits always fit, and what has more is out of an i64's range.
        Ok((length <= 19).then_some(value))
    }

    pub fn integer(&mut self) -> Result<i64> {
        let Some(b'-' | b'0'..=b'9') = self.peek() else {
            return self.unexpected("an integer");
        };
        let start = self.at;
        let negative = self.byte() == Some(b'-');
        if negative {
            self.at += 1;
        }
        let magnitude = self.digits()?;
        if let Some(b'.' | b'e' | b'E') = self.byte() {
            self.at = start;
            self.number()?;
            return self.mismatch("an integer");
        }
        let value = magnitude.and_then(|m| {
            if negative {
                0_i64.checked_sub_unsigned(m)
            } else {
                i64::try_from(m).ok()
            }
        });
        match value {
            Some(value) => Ok(value),
            None => self.mismatch("an integer of 64 bits"),
        }
    }

    /// The text of a number.
    fn number(&mut self) -> Result<&'a str> {
        let text = self.text;
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        self.digits()?;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(&text[start..self.at])
    }

    fn some_digits(&mut self) -> Result<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == start {
            return self.syntax("not a number");
        }
        Ok(())
    }

    pub fn float(&mut self) -> Result<f64> {
        let Some(b'-' | b'0'..=b'9') = self.peek() else {
            return self.unexpected("a number");
        };
        match self.number()?.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => self.mismatch("a number within range"),
        }
    }

    // ---- Strings ------------------------------------------------------------------------------

    /// A string, borrowed from the text where nothing in it was escaped.
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

    /// A string to keep.
    #[inline]
    pub fn string(&mut self) -> Result<Str> {
        if !self.is_next(b'"') {
            return self.unexpected("a string");
        }
        match self.plain_string()? {
            Some((start, end)) => Ok(self.text[start..end].into()),
            None => self.escaped_string().map(Str::from),
        }
    }

    /// From the opening quote to behind the closing one: where the content starts and ends,
    /// if nothing in it is escaped. If something is, it stays before the quote.
    #[inline]
    fn plain_string(&mut self) -> Result<Option<(usize, usize)>> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let end = plain_until(bytes, start);
        match bytes.get(end) {
            Some(b'"') => {
                self.at = end + 1;
                Ok(Some((start, end)))
            }
            Some(b'\\') => Ok(None),
            _ => self.bad_string(end),
        }
    }

    /// The same for a string in which something is escaped, with all escapes resolved.
    #[inline(never)]
    fn escaped_string(&mut self) -> Result<&str> {
        let text = self.text;
        let bytes = text.as_bytes();
        let mut at = self.at + 1;
        self.unescaped.clear();
        if self.unescaped.capacity() == 0 {
            // No string is longer than what is left of the text.
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
                _ => return self.bad_string(at),
            }
        }
    }

    #[cold]
    fn bad_string<T>(&mut self, at: usize) -> Result<T> {
        self.at = at;
        if at < self.text.len() {
            self.syntax("a control character in a string")
        } else {
            self.syntax("the text ends early")
        }
    }

    // ---- Whole values -------------------------------------------------------------------------

    /// Goes past a value, checking it as strictly as if it were read.
    pub fn skip(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'{') => {
                let mut more = self.open_object()?;
                while more {
                    if self.peek() != Some(b'"') {
                        return self.syntax("a key must be a string");
                    }
                    self.skip_string()?;
                    if self.peek() != Some(b':') {
                        return self.syntax("a colon must follow the key");
                    }
                    self.at += 1;
                    self.skip()?;
                    more = self.next_member()?;
                }
                Ok(())
            }
            Some(b'[') => {
                let mut more = self.open_array()?;
                while more {
                    self.skip()?;
                    more = self.next_element()?;
                }
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(_) => self.syntax("not a value"),
            None => self.syntax("the text ends early"),
        }
    }

    fn skip_string(&mut self) -> Result<()> {
        if self.plain_string()?.is_none() {
            self.escaped_string()?;
        }
        Ok(())
    }

    /// Goes past a value and gives its text.
    pub fn raw(&mut self) -> Result<&'a str> {
        let text = self.text;
        let start = self.mark().at;
        self.skip()?;
        Ok(&text[start..self.at])
    }
}

/// The first byte at or after `at` that a plain run of string content can't contain: a quote, a
/// backslash or a control character. Eight bytes a step.
#[inline]
fn plain_until(bytes: &[u8], at: usize) -> usize {
    first_hit(bytes, at, |v| {
        let quote = (v ^ eight(b'"')).wrapping_sub(ONES);
        let backslash = (v ^ eight(b'\\')).wrapping_sub(ONES);
        let control = v.wrapping_sub(eight(b' '));
        (quote | backslash | control) & !v & HIGHS
    })
}

/// The first quote at or after `at`.
#[inline]
fn quote_from(bytes: &[u8], at: usize) -> usize {
    first_hit(bytes, at, |v| {
        (v ^ eight(b'"')).wrapping_sub(ONES) & !v & HIGHS
    })
}

/// The first byte at or after `at` that is a hit. `hits` says with a high bit which bytes of a word are, and has
/// to be right about the lowest one only.
#[inline]
fn first_hit(bytes: &[u8], mut at: usize, hits: impl Fn(u64) -> u64) -> usize {
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

/// What is left of a text, and a quote at its end.
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

/// What stands for a byte that is no hexadecimal digit: above all that four digits make.
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
