//! Errors of callback data that can't be written or read.

use std::{error::Error, fmt};

use serde_core::{de, ser};

/// Why callback data can't be written into a button, or can't be read from a callback query.
#[derive(Debug)]
#[non_exhaustive]
pub enum InvalidCallbackData {
    /// The update isn't a callback query, or the query has no data: its button opens a game.
    Missing,
    /// The data begins with another name than the type's, so it belongs to another button.
    Name,
    /// The name of the type has a `:`, after which its fields would begin.
    NameWithColon,
    /// The data would have no byte, or more than the 64 that
    /// [a button may carry](https://core.telegram.org/bots/api#inlinekeyboardbutton).
    Length {
        /// The number of bytes in UTF-8.
        bytes: usize,
    },
    /// A field can't be written in this format, or its text isn't of the field's type.
    Format(CallbackFormatError),
}

impl fmt::Display for InvalidCallbackData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the update has no callback data"),
            Self::Name => f.write_str("the callback data has another type's name"),
            Self::NameWithColon => f.write_str("the name of callback data can't have a colon"),
            Self::Length { bytes } => {
                write!(f, "callback data has 1 to 64 bytes, not {bytes}")
            }
            Self::Format(_) => f.write_str("the callback data doesn't fit its type"),
        }
    }
}

impl Error for InvalidCallbackData {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Format(error) => Some(error),
            _ => None,
        }
    }
}

/// The first field of callback data that can't be written or read, and the reason.
///
/// Maps, bytes, and types that read themselves from whatever is there (untagged and internally tagged enums,
/// `serde(flatten)`) have no place in the format.
#[derive(Debug, PartialEq, Eq)]
pub struct CallbackFormatError(Box<str>);

impl CallbackFormatError {
    pub(super) fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    pub(super) fn unsupported(what: &str) -> Self {
        Self::new(format!("callback data can't have {what}"))
    }
}

impl fmt::Display for CallbackFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for CallbackFormatError {}

impl ser::Error for CallbackFormatError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}

impl de::Error for CallbackFormatError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}
