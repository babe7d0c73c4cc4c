//! The reader's position in the text, and the fault that stopped it.

use std::{borrow::Cow, collections::BTreeSet};

use crate::json::error::{Fault, FaultKind, ParseError};

/// How deep arrays and objects may be nested: the same as `serde_json`'s limit.
pub const MAX_DEPTH: u8 = 128;

/// The bounds of [`Reader::list_length_hint`]: what a `Vec` begins with, and a row of buttons.
const MIN_LIST_CAPACITY: usize = 4;
const MAX_LIST_CAPACITY: usize = 8;

/// Reading can't go on. The reader keeps the reason, so that every result stays small.
#[derive(Debug)]
pub struct Aborted;

pub type Result<T> = std::result::Result<T, Aborted>;

/// A reader over one JSON text. Each method reads what its name says, and moves past it.
///
/// A method fails either with a syntax error, after which the text can't be read on, or with a mismatch, after which it
/// can be read on from a [`Mark`].
#[derive(Debug)]
pub struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) depth: u8,
    pub(super) fault: Option<Fault>,
    /// A buffer for strings with escapes: one allocation for all of them.
    pub(super) unescaped: String,
    list_length_hint: usize,
    /// The members of the open objects that left their slot empty. Telegram writes no such members.
    pub(super) empty_members: Vec<EmptyMember>,
    /// The members of the open objects that their types don't have, each with the depth inside its object.
    pub(super) unknown_members: BTreeSet<(u8, Cow<'a, str>)>,
    /// The quote before the last key that the type doesn't have.
    pub(super) unknown_key_at: usize,
    /// Whether a part that doesn't fit is left out of an optional field or a list, instead of being an error.
    pub(super) leaves_out: bool,
    /// The number of the update inside which the reader is, for its events.
    pub(super) update_id: Option<i64>,
    /// Whether a value was skipped whose keys weren't compared.
    pub(super) has_skipped: bool,
}

/// A member that was null, or was left out, so that its empty slot doesn't show that its key was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct EmptyMember {
    /// The depth inside its object.
    pub(super) depth: u8,
    pub(super) name: &'static str,
}

/// A place to which the reader can go back.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub(super) at: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of the text.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            fault: None,
            unescaped: String::new(),
            list_length_hint: MIN_LIST_CAPACITY,
            empty_members: Vec::new(),
            unknown_members: BTreeSet::new(),
            unknown_key_at: 0,
            leaves_out: true,
            update_id: None,
            has_skipped: false,
        }
    }

    /// Whether a part of the text wasn't read by its type, so that a key in it may occur twice.
    #[inline]
    pub(crate) fn has_skipped(&self) -> bool {
        self.has_skipped
    }

    /// Whether a part that doesn't fit is left out of an optional field or a list, or is an error. Default: left out.
    #[inline]
    pub(crate) fn leave_out_misfits(&mut self, leaves_out: bool) {
        self.leaves_out = leaves_out;
    }

    /// Sets the number that the reader's events name. `None` outside an update.
    #[inline]
    pub(crate) fn set_update_id(&mut self, update_id: Option<i64>) {
        self.update_id = update_id;
    }

    /// How many elements to make room for in a list: as many as the last one had, since the rows of a
    /// keyboard are mostly alike. Never more than a few, whatever the text says.
    #[inline]
    pub(crate) fn list_length_hint(&self) -> usize {
        self.list_length_hint
    }

    #[inline]
    pub(crate) fn set_list_length_hint(&mut self, length: usize) {
        self.list_length_hint = length.clamp(MIN_LIST_CAPACITY, MAX_LIST_CAPACITY);
    }

    /// The next byte, which may be white space.
    #[inline]
    pub(super) fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that isn't white space. The reader moves before it.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Whether the next byte that isn't white space is this one. Quicker than [`peek`](Self::peek) if there is no white
    /// space, as in what Telegram writes.
    #[inline]
    pub(super) fn next_is(&mut self, wanted: u8) -> bool {
        self.byte() == Some(wanted) || self.next_after_space_is(wanted)
    }

    #[cold]
    #[inline(never)]
    fn next_after_space_is(&mut self, wanted: u8) -> bool {
        self.peek() == Some(wanted)
    }

    /// The byte at which the next value or key starts.
    pub fn offset(&mut self) -> usize {
        self.mark().at
    }

    /// The start of the next value or key, to go back to.
    pub fn mark(&mut self) -> Mark {
        self.peek();
        Mark {
            at: self.at,
            depth: self.depth,
        }
    }

    /// Goes back to a mark, and forgets the fault.
    pub fn rewind(&mut self, mark: Mark) {
        self.at = mark.at;
        self.depth = mark.depth;
        self.fault = None;
    }

    /// Whether the fault is a mismatch, so that the text can be read on from a [`Mark`].
    pub fn is_mismatch(&self) -> bool {
        self.fault.is_some_and(|fault| fault.kind.is_mismatch())
    }

    /// The reason why reading stopped.
    pub fn into_error(mut self) -> ParseError {
        self.take_error()
    }

    /// The reason why reading stopped, from a reader that is used further.
    pub fn take_error(&mut self) -> ParseError {
        ParseError::new(self.fault.take().unwrap_or(Fault {
            kind: FaultKind::Syntax,
            at: self.at,
            what: "unreadable",
            field: "",
        }))
    }

    /// Checks that only white space is left.
    pub fn finish(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.syntax("characters after the value"),
        }
    }

    /// Fails, because the text isn't JSON.
    #[cold]
    pub fn syntax<T>(&mut self, what: &'static str) -> Result<T> {
        self.fail(FaultKind::Syntax, what)
    }

    /// Fails, because the text is JSON but doesn't fit the type. `what` is the expected type.
    #[cold]
    pub fn mismatch<T>(&mut self, what: &'static str) -> Result<T> {
        self.fail(FaultKind::Mismatch, what)
    }

    #[cold]
    pub(super) fn fail<T>(&mut self, kind: FaultKind, what: &'static str) -> Result<T> {
        self.fault = Some(Fault {
            kind,
            at: self.at,
            what,
            field: "",
        });
        Err(Aborted)
    }

    /// Fails, because the next value isn't of the wanted type: with a syntax error if no value can start here, else with
    /// a mismatch.
    #[cold]
    pub(super) fn unexpected<T>(&mut self, wanted: &'static str) -> Result<T> {
        match self.peek() {
            Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                self.mismatch(wanted)
            }
            Some(_) => self.syntax("not a value"),
            None => self.syntax("the text ends early"),
        }
    }
}
