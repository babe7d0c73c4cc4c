//! The arguments of a command, typed.

use std::{error::Error, fmt, str::FromStr};

use tower::BoxError;

/// The arguments of a command that are still unread: words between white space.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    rest: &'a str,
}

impl<'a> Arguments<'a> {
    /// What comes after a command.
    pub fn new(text: &'a str) -> Self {
        Self { rest: text.trim() }
    }

    /// All that is left, which is nothing more after this. May be empty.
    pub fn rest(&mut self) -> &'a str {
        std::mem::take(&mut self.rest)
    }

    /// The next word, if there is one.
    pub fn word(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let rest = self.rest;
        let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        self.rest = rest.trim_start();
        Some(word)
    }

    /// The next word as a type of its own.
    ///
    /// # Errors
    ///
    /// When there is no word, or it isn't one of that type.
    pub fn parse<T>(&mut self) -> Result<T, InvalidArguments>
    where
        T: FromStr<Err: Into<BoxError>>,
    {
        let word = self.word().ok_or_else(InvalidArguments::missing)?;
        word.parse().map_err(|error: T::Err| InvalidArguments {
            word: Some(word.into()),
            source: Some(error.into()),
        })
    }

    /// Whether all were read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// What the arguments of a [`Command`](super::super::Command) are read as: numbers, `bool`, `char`, texts (all
/// that is left), an `Option`, a `Vec` of words, and tuples of these. For a type of your own:
///
/// ```
/// use std::str::FromStr;
///
/// use tower_telegram::router::{Arguments, FromArguments, InvalidArguments};
///
/// enum Side {
///     Heads,
///     Tails,
/// }
///
/// impl FromStr for Side {
///     type Err = String;
///
///     fn from_str(word: &str) -> Result<Self, String> {
///         match word {
///             "heads" => Ok(Self::Heads),
///             "tails" => Ok(Self::Tails),
///             _ => Err("heads or tails".into()),
///         }
///     }
/// }
///
/// impl FromArguments for Side {
///     fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
///         arguments.parse()
///     }
/// }
/// ```
pub trait FromArguments: Sized {
    /// Takes what it needs from the front.
    ///
    /// # Errors
    ///
    /// When that isn't there or doesn't fit.
    fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments>;
}

macro_rules! impl_by_word {
    ($($word:ty)*) => {$(
        impl FromArguments for $word {
            fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
                arguments.parse()
            }
        }
    )*};
}

impl_by_word!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool char);

impl FromArguments for () {
    fn from_arguments(_: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
        Ok(())
    }
}

/// All that is left; may be empty.
impl FromArguments for String {
    fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
        Ok(arguments.rest().to_owned())
    }
}

/// `None` if nothing is left.
impl<T: FromArguments> FromArguments for Option<T> {
    fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
        if arguments.is_empty() {
            return Ok(None);
        }
        T::from_arguments(arguments).map(Some)
    }
}

/// The words that are left.
impl FromArguments for Vec<String> {
    fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
        Ok(arguments
            .rest()
            .split_whitespace()
            .map(Into::into)
            .collect())
    }
}

macro_rules! impl_for_tuples {
    ($($tuple:ident)*) => {
        impl<$($tuple: FromArguments),*> FromArguments for ($($tuple,)*) {
            fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
                Ok(($($tuple::from_arguments(arguments)?,)*))
            }
        }
    };
}

impl_for_tuples!(A);
impl_for_tuples!(A B);
impl_for_tuples!(A B C);
impl_for_tuples!(A B C D);
impl_for_tuples!(A B C D E);
impl_for_tuples!(A B C D E F);

/// The arguments of a command aren't what its handler takes.
#[derive(Debug)]
pub struct InvalidArguments {
    word: Option<Box<str>>,
    source: Option<BoxError>,
}

impl InvalidArguments {
    fn missing() -> Self {
        Self {
            word: None,
            source: None,
        }
    }

    /// More than the command takes.
    pub(super) fn too_many(word: &str) -> Self {
        Self {
            word: Some(word.into()),
            source: None,
        }
    }

    /// For a reason of your own, which users are shown.
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self {
            word: None,
            source: Some(reason.into()),
        }
    }
}

impl fmt::Display for InvalidArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.word, &self.source) {
            (None, None) => f.write_str("an argument is missing"),
            (Some(word), None) => write!(f, "unexpected argument {:?}", shortened(word)),
            (Some(word), Some(_)) => write!(f, "invalid argument {:?}", shortened(word)),
            (None, Some(_)) => f.write_str("invalid arguments"),
        }
    }
}

/// A word may be as long as a message, and what quotes it has to fit into one.
fn shortened(word: &str) -> &str {
    let end = word.char_indices().nth(40).map_or(word.len(), |(at, _)| at);
    &word[..end]
}

impl Error for InvalidArguments {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
