//! The error of a JSON text that couldn't be read.

use std::{error, fmt};

/// The kinds of fault, which decide whether a text can be read on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The text isn't JSON, so nothing after the fault can be read.
    Syntax,
    /// The value is of another type than expected.
    Mismatch,
    /// A required field is missing, which is a mismatch too.
    Missing,
}

impl FaultKind {
    pub(super) fn is_mismatch(self) -> bool {
        self != Self::Syntax
    }
}

/// A fault as the reader records it: small, and without an allocation, because one that is left out costs only a skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// How many bytes had been read.
    pub(crate) at: usize,
    /// The expected type, or the description of a syntax error.
    pub(crate) what: &'static str,
    /// The innermost field; empty if none is known.
    pub(crate) field: &'static str,
}

/// A JSON text that couldn't be read, or not as the wanted type.
///
/// It names the place and the expected type, and never repeats the text, because an update may hold private messages.
///
/// ```
/// use tower_telegram::types::Update;
///
/// let error = Update::from_slice(br#"{"update_id":"seven","message":{}}"#).unwrap_err();
/// assert!(error.is_mismatch());
/// assert_eq!(error.field(), Some("update_id"));
/// assert_eq!(error.to_string(), "unfitting: expected an integer, in field `update_id`, at byte 13");
///
/// assert!(Update::from_slice(b"{").unwrap_err().is_syntax());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    fault: Fault,
    /// The words of another reader's error, which say more than the fault.
    words: Option<Box<ForeignWords>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ForeignWords {
    sentence: String,
    field: Option<Box<str>>,
    has_place: bool,
}

impl ParseError {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, words: None }
    }

    #[doc(hidden)]
    pub fn syntax(what: &'static str, at: usize) -> Self {
        Self::new(Fault {
            kind: FaultKind::Syntax,
            at,
            what,
            field: "",
        })
    }

    /// The same, where not fitting is as bad as not being JSON: the envelope itself.
    #[doc(hidden)]
    pub fn into_syntax(mut self) -> Self {
        self.fault.kind = FaultKind::Syntax;
        self
    }

    /// One that says what is wrong in words of its own.
    pub(super) fn described(at: Option<usize>, words: String, field: Option<Box<str>>) -> Self {
        let fault = Fault {
            kind: FaultKind::Mismatch,
            at: at.unwrap_or_default(),
            what: "",
            field: "",
        };
        Self {
            fault,
            words: Some(Box::new(ForeignWords {
                sentence: words,
                field,
                has_place: at.is_some(),
            })),
        }
    }

    /// The error without its place, for callers that don't have the text to which the place belongs.
    pub(super) fn without_place(&self) -> impl fmt::Display {
        WithoutPlace(self)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            kind, what, field, ..
        } = self.fault;
        if let Some(words) = &self.words {
            return write!(f, "unfitting: {}", words.sentence);
        }
        match kind {
            FaultKind::Syntax => write!(f, "malformed: {what}")?,
            FaultKind::Mismatch => write!(f, "unfitting: expected {what}")?,
            FaultKind::Missing => return write!(f, "unfitting: field `{field}` is missing"),
        }
        if field.is_empty() {
            return Ok(());
        }
        write!(f, ", in field `{field}`")
    }

    /// Whether the text isn't JSON, or has a key twice in one object, so that no type can be read from it.
    pub fn is_syntax(&self) -> bool {
        self.fault.kind == FaultKind::Syntax
    }

    /// Whether the text is JSON, but doesn't fit the wanted type.
    pub fn is_mismatch(&self) -> bool {
        self.fault.kind.is_mismatch()
    }

    /// The innermost field that was being read, where one is known.
    pub fn field(&self) -> Option<&str> {
        let words = self.words.as_ref().and_then(|words| words.field.as_deref());
        words.or(Some(self.fault.field).filter(|name| !name.is_empty()))
    }

    /// How many bytes of the text had been read before the fault; 0 if unknown.
    pub fn offset(&self) -> usize {
        self.fault.at
    }
}

struct WithoutPlace<'e>(&'e ParseError);

impl fmt::Display for WithoutPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)?;
        if self.words.as_ref().is_some_and(|words| !words.has_place) {
            return Ok(());
        }
        write!(f, ", at byte {}", self.fault.at)
    }
}

impl error::Error for ParseError {}
