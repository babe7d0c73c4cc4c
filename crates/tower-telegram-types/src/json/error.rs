//! Why a JSON text couldn't be read.

use std::{error, fmt};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Syntax,
    Mismatch,
    /// A mismatch too: the field isn't there.
    Missing,
}

impl FaultKind {
    pub(super) fn is_mismatch(self) -> bool {
        self != Self::Syntax
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) at: usize,
    pub(crate) what: &'static str,
    pub(crate) field: &'static str,
}

/// A JSON text that couldn't be read, or not as the type that was asked for.
///
/// It says where and what was expected, and never repeats the text: an update can hold what
/// people wrote to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    fault: Fault,
    /// What says more than the fault, where it isn't this reader's.
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

    /// What is wrong, without the place: it is one in a text that whoever asks may not have.
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

    /// Whether the text isn't JSON at all: no type could be read from it.
    pub fn is_syntax(&self) -> bool {
        self.fault.kind == FaultKind::Syntax
    }

    /// Whether the text is JSON, but doesn't fit the type that was asked for.
    pub fn is_mismatch(&self) -> bool {
        self.fault.kind.is_mismatch()
    }

    /// The innermost field that was being read, where one is known.
    pub fn field(&self) -> Option<&str> {
        let words = self.words.as_ref().and_then(|words| words.field.as_deref());
        words.or(Some(self.fault.field).filter(|name| !name.is_empty()))
    }

    /// How many bytes of the text had been read. 0 where it isn't known.
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
