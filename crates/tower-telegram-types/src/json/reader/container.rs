//! Objects and arrays.

use std::borrow::Cow;

use super::{
    cursor::{Aborted, EmptyMember, MAX_DEPTH, Mark, Reader, Result},
    string::quote_from,
};
use crate::json::error::FaultKind;

/// The field number of a key that the type doesn't have.
pub const NO_FIELD: u8 = u8::MAX;

/// A type that can be read from JSON.
pub trait FromJson: Sized {
    /// Whether a list leaves out an element that doesn't fit this type. It does for types that Telegram sends, so that one
    /// odd element doesn't make the update around the list unreadable.
    const LEFT_OUT_OF_LISTS: bool = false;

    /// Reads one value, and moves past it.
    fn from_json(r: &mut Reader<'_>) -> Result<Self>;
}

impl<'a> Reader<'a> {
    /// Moves past an opening bracket.
    #[inline]
    fn enter(&mut self) -> Result<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.syntax("nested too deep");
        }
        if !self.empty_members.is_empty() {
            self.forget_empty_members(self.depth);
        }
        if !self.unknown_members.is_empty() {
            self.forget_unknown_members(self.depth);
        }
        Ok(())
    }

    /// Forgets the empty members of objects that are closed: those from this depth on, which are the last ones.
    #[cold]
    fn forget_empty_members(&mut self, from: u8) {
        while self
            .empty_members
            .pop_if(|member| member.depth >= from)
            .is_some()
        {}
    }

    /// Forgets the unknown members of objects that are closed: those from this depth on.
    #[cold]
    fn forget_unknown_members(&mut self, from: u8) {
        while self
            .unknown_members
            .last()
            .is_some_and(|(depth, _)| *depth >= from)
        {
            self.unknown_members.pop_last();
        }
    }

    /// Moves past the value of a member that the type doesn't have, whose key was read last. A key that comes twice is an
    /// error, this one and any in the value.
    ///
    /// Telegram writes such members: those of newer versions, and older names such as `thumb` beside `thumbnail`.
    #[cold]
    #[inline(never)]
    pub fn skip_unknown(&mut self) -> Result<()> {
        self.at = self.unknown_key_at;
        let key = self.key_text()?;
        if !self.unknown_members.insert((self.depth, key)) {
            return self.duplicate("");
        }
        self.compare_keys()
    }

    /// Whether a member of this name was read in the open object, and left its slot empty.
    #[cold]
    fn was_empty(&self, name: &str) -> bool {
        // Those of closed objects inside it are behind its own.
        let members = self.empty_members.iter().rev();
        let members = members.skip_while(|member| member.depth > self.depth);
        let mut its_own = members.take_while(|member| member.depth == self.depth);
        its_own.any(|member| member.name == name)
    }

    /// Whether the key of a member was read before, by whether its slot is filled.
    #[inline]
    fn has_come(&self, is_filled: bool, name: &str) -> bool {
        is_filled || (!self.empty_members.is_empty() && self.was_empty(name))
    }

    /// Records that the open object has this member, although its slot stays empty.
    #[cold]
    fn record_empty(&mut self, name: &'static str) {
        let depth = self.depth;
        // So that they are in the order of their depths, and each is removed once.
        self.forget_empty_members(depth + 1);
        self.empty_members.push(EmptyMember { depth, name });
    }

    /// Reads the null of a member.
    #[cold]
    fn null_member(&mut self, name: &'static str) -> Result<()> {
        self.record_empty(name);
        self.literal("null")
    }

    /// Moves into an object, and returns whether it has a member.
    #[inline]
    pub fn open_object(&mut self) -> Result<bool> {
        if !self.next_is(b'{') {
            return self.unexpected("an object");
        }
        self.enter()?;
        Ok(self.is_nonempty(b'}'))
    }

    /// Moves into an array, and returns whether it has an element.
    #[inline]
    pub fn open_array(&mut self) -> Result<bool> {
        if self.peek() != Some(b'[') {
            return self.unexpected("an array");
        }
        self.enter()?;
        Ok(self.is_nonempty(b']'))
    }

    /// Whether the object or array has content. Leaves it if not.
    #[inline]
    fn is_nonempty(&mut self, close: u8) -> bool {
        let empty = self.next_is(close);
        if empty {
            self.at += 1;
            self.depth -= 1;
        }
        !empty
    }

    /// Returns after a member whether another follows. Leaves the object if not.
    #[inline]
    pub fn next_member(&mut self) -> Result<bool> {
        self.next_item(b'}')
    }

    /// Returns after an element whether another follows. Leaves the array if not.
    #[inline]
    pub fn next_element(&mut self) -> Result<bool> {
        self.next_item(b']')
    }

    #[inline]
    fn next_item(&mut self, close: u8) -> Result<bool> {
        match self.byte() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(b) if b == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => self.next_item_after_space(close),
        }
    }

    /// The same behind white space, which Telegram doesn't write.
    #[cold]
    #[inline(never)]
    fn next_item_after_space(&mut self, close: u8) -> Result<bool> {
        match self.peek() {
            Some(b) if b == b',' || b == close => self.next_item(close),
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

    /// Reads a member's key and the colon behind it, and returns the field's number.
    ///
    /// No field has a name with escapes, so a key for which a field is found needs no further check.
    #[inline]
    pub fn field_key(&mut self, lookup: impl Fn(&[u8]) -> u8) -> Result<u8> {
        if !self.next_is(b'"') {
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
        if !self.next_is(b':') {
            return self.syntax("a colon must follow the key");
        }
        self.at += 1;
        Ok(found)
    }

    #[cold]
    #[inline(never)]
    fn checked_key(&mut self, quote: usize) -> Result<&[u8]> {
        self.unknown_key_at = quote;
        self.at = quote;
        match self.plain_string()? {
            Some((start, end)) => Ok(&self.text.as_bytes()[start..end]),
            None => self.escaped_string().map(str::as_bytes),
        }
    }

    /// Reads a member's key as text, and the colon behind it.
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

    /// Reads a member's value into its slot. `null` leaves the slot empty.
    ///
    /// A key that occurs twice is an error, null or not, because two readers could disagree on which of the values counts.
    // Not inlined, nor is the next one. The slots of a type would be kept in registers, and those that don't fit would be
    // copied from one place on the stack to another at each member: some 60 instructions, and 142 KB of code for a message
    // in place of 24.
    #[inline(never)]
    pub fn field<T: FromJson>(&mut self, slot: &mut Option<T>, name: &'static str) -> Result<()> {
        if self.has_come(slot.is_some(), name) {
            return self.duplicate(name);
        }
        if self.peek() == Some(b'n') {
            return self.null_member(name);
        }
        match T::from_json(self) {
            Ok(value) => {
                *slot = Some(value);
                Ok(())
            }
            Err(Aborted) => self.name_fault(name),
        }
    }

    /// Reads the value of an optional member into its slot. `null` leaves the slot empty, and so does a value that doesn't
    /// fit the type, as if the member were absent.
    #[inline(never)]
    pub fn optional<T: FromJson>(
        &mut self,
        slot: &mut Option<T>,
        name: &'static str,
    ) -> Result<()> {
        if self.has_come(slot.is_some(), name) {
            return self.duplicate(name);
        }
        let start = self.mark();
        if self.byte() == Some(b'n') {
            return self.null_member(name);
        }
        match T::from_json(self) {
            Ok(value) => {
                *slot = Some(value);
                Ok(())
            }
            Err(Aborted) => self
                .name_fault(name)
                .or_else(|_| self.leave_out_member(start, name)),
        }
    }

    #[cold]
    fn leave_out_member(&mut self, start: Mark, name: &'static str) -> Result<()> {
        self.leave_out(start, name)?;
        self.record_empty(name);
        Ok(())
    }

    /// Moves past a value that doesn't fit its type, with an event at debug level. A syntax error stays an error.
    ///
    /// The event names the update, provided that its number comes before its payload, where Telegram writes it.
    #[cold]
    pub fn leave_out(&mut self, start: Mark, what: &'static str) -> Result<()> {
        if !self.leaves_out || !self.is_mismatch() {
            return Err(Aborted);
        }
        let error = self.take_error();
        self.rewind(start);
        self.skip()?;
        let update_id = self.update_id;
        tracing::debug!(what, %error, update_id, "left out a part that doesn't fit its type");
        Ok(())
    }

    /// Fails at a key that occurs twice.
    #[cold]
    pub fn duplicate<T>(&mut self, name: &'static str) -> Result<T> {
        let stop = self.syntax("a key comes twice");
        if let Some(fault) = &mut self.fault {
            fault.field = name;
        }
        stop
    }

    /// Fails with the field's name, unless a field further inside is named already.
    #[cold]
    fn name_fault(&mut self, name: &'static str) -> Result<()> {
        if let Some(fault) = &mut self.fault
            && fault.field.is_empty()
        {
            fault.field = name;
        }
        Err(Aborted)
    }

    /// The value of a required field, or an error if it is missing.
    #[inline]
    pub fn required<T>(&mut self, value: Option<T>, name: &'static str) -> Result<T> {
        match value {
            Some(value) => Ok(value),
            None => self.missing(name),
        }
    }

    /// The value of a required field that holds an object. If it is missing, it is an object without members, provided
    /// that its type has no member that it needs.
    #[inline]
    pub fn required_object<T: FromJson>(
        &mut self,
        value: Option<T>,
        name: &'static str,
    ) -> Result<T> {
        match value {
            Some(value) => Ok(value),
            None => T::from_json(&mut Reader::new("{}")).or_else(|Aborted| self.missing(name)),
        }
    }

    /// Fails, because a required field is missing.
    #[cold]
    fn missing<T>(&mut self, name: &'static str) -> Result<T> {
        let stop = self.fail(FaultKind::Missing, "");
        if let Some(fault) = &mut self.fault {
            fault.field = name;
        }
        stop
    }

    /// Checks that an object starts here, and stays before it.
    pub fn peek_object(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'{') => Ok(()),
            _ => self.unexpected("an object"),
        }
    }

    /// Moves into the object that starts here, up to the value of the member `name`. Returns `false` if there is none; the
    /// reader is behind the object then.
    pub fn find(&mut self, name: &str) -> Result<bool> {
        let mut more = self.open_object()?;
        while more {
            if self.key(|key| key == name.as_bytes())? {
                return Ok(true);
            }
            self.pass_over()?;
            more = self.next_member()?;
        }
        Ok(false)
    }

    /// Reads the text of the member `tag` of the object that starts here, and stays before it.
    pub fn peek_tag(&mut self, tag: &'static str) -> Result<Cow<'a, str>> {
        let mark = self.mark();
        if !self.find(tag)? {
            return self.mismatch("an object with its tag");
        }
        if self.peek() != Some(b'"') {
            self.rewind(mark);
            return self.unknown_tag(tag);
        }
        let value = self.text()?;
        self.rewind(mark);
        Ok(value)
    }

    /// Moves past the value of an object's tag, which [`peek_tag`](Self::peek_tag) has read before.
    ///
    /// A tag that occurs twice is an error, like every other key.
    #[inline]
    pub fn tag(&mut self, is_tagged: &mut bool, name: &'static str) -> Result<()> {
        if *is_tagged {
            return self.duplicate(name);
        }
        *is_tagged = true;
        self.pass_over()
    }

    /// Fails, because the tag of the object that starts here names no known type: with a mismatch, or with a syntax error
    /// if the tag occurs twice.
    #[cold]
    pub fn unknown_tag<T>(&mut self, tag: &'static str) -> Result<T> {
        let mark = self.mark();
        let mut is_tagged = false;
        let mut more = self.open_object()?;
        while more {
            if self.key(|key| key == tag.as_bytes())? {
                self.tag(&mut is_tagged, tag)?;
            } else {
                self.skip()?;
            }
            more = self.next_member()?;
        }
        self.rewind(mark);
        self.mismatch("a known tag")
    }
}
