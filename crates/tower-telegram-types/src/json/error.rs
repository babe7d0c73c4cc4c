//! Why a JSON text couldn't be read.

use std::{error, fmt};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Syntax,
    Mismatch,
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
    detail: Option<Box<str>>,
}

impl ParseError {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            fault,
            detail: None,
        }
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

    /// What a type of the caller's says that it couldn't read.
    #[doc(hidden)]
    pub fn foreign(error: &serde_json::Error) -> Self {
        Self {
            fault: Fault {
                kind: FaultKind::Mismatch,
                at: 0,
                what: "the type can't be read from this",
                field: "",
            },
            detail: Some(describe(error)),
        }
    }

    /// Whether the text isn't JSON at all: no type could be read from it.
    pub fn is_syntax(&self) -> bool {
        self.fault.kind == FaultKind::Syntax
    }

    /// Whether the text is JSON, but doesn't fit the type that was asked for.
    pub fn is_mismatch(&self) -> bool {
        self.fault.kind == FaultKind::Mismatch
    }

    /// The innermost field that was being read, where one is known.
    pub fn field(&self) -> Option<&str> {
        Some(self.fault.field).filter(|name| !name.is_empty())
    }

    /// How many bytes of the text had been read. 0 where it isn't known.
    pub fn offset(&self) -> usize {
        self.fault.at
    }
}

/// A foreign type's words can quote the text (`invalid type: string "…"`), so only the kind of
/// error and its place are kept.
fn describe(error: &serde_json::Error) -> Box<str> {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "a value doesn't fit",
        _ => "not JSON",
    };
    format!("{kind}, line {} column {}", error.line(), error.column()).into()
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault.kind {
            FaultKind::Syntax => write!(f, "malformed: {}", self.fault.what)?,
            FaultKind::Mismatch => write!(f, "unfitting: expected {}", self.fault.what)?,
        }
        if let Some(detail) = &self.detail {
            return write!(f, ": {detail}");
        }
        if let Some(field) = self.field() {
            write!(f, ", in field `{field}`")?;
        }
        write!(f, ", at byte {}", self.fault.at)
    }
}

impl error::Error for ParseError {}
