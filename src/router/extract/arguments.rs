//! The arguments of a command, typed.

use std::{error::Error, fmt, str::FromStr};

use tower::BoxError;

/// The arguments of a command that haven't been read yet: words between white space.
///
/// ```
/// use tower_telegram::router::Arguments;
///
/// let mut arguments = Arguments::new("6 for  the win");
/// assert_eq!(arguments.parse::<u32>()?, 6);
/// assert_eq!(arguments.word(), Some("for"));
/// assert_eq!(arguments.rest(), "the win");
/// assert!(arguments.is_empty());
/// # Ok::<_, tower_telegram::router::InvalidArguments>(())
/// ```
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    rest: &'a str,
}

impl<'a> Arguments<'a> {
    /// The arguments in a command's text, without the command.
    pub fn new(text: &'a str) -> Self {
        Self { rest: text.trim() }
    }

    /// All words that are left, with the white space between them. May be empty. None are left after it.
    pub fn rest(&mut self) -> &'a str {
        std::mem::take(&mut self.rest)
    }

    /// The next word; `None` if none is left.
    pub fn word(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let rest = self.rest;
        let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        self.rest = rest.trim_start();
        Some(word)
    }

    /// The next word, parsed as a `T`.
    ///
    /// # Errors
    ///
    /// When no word is left, or it can't be parsed.
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

    /// Whether no word is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// A type that the arguments of a [`Command`](super::super::Command) are read as.
///
/// - Numbers, `bool` and `char` are one word.
/// - A `String` is all that is left, and may be empty.
/// - A `Vec<String>` is the words that are left.
/// - An `Option` is `None` when no word is left.
/// - A tuple of up to six is one after the other: `(u32, Option<u32>, String)`.
/// - `()` is no argument.
///
/// - [`Parsed`] is one word as any type that implements `FromStr`.
///
/// A type of your own that is made of several words implements it:
///
/// ```
/// use tower_telegram::router::{Arguments, FromArguments, InvalidArguments};
///
/// /// "3 apples".
/// struct Order {
///     count: u32,
///     goods: String,
/// }
///
/// impl FromArguments for Order {
///     fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
///         let count = arguments.parse()?;
///         let goods = arguments.rest().to_owned();
///         Ok(Self { count, goods })
///     }
/// }
/// ```
pub trait FromArguments: Sized {
    /// Takes the words that it needs from the front. Words that are left at the end are an error of the command.
    ///
    /// # Errors
    ///
    /// When words are missing or can't be read.
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

/// A word of a command's arguments, read by `FromStr`.
///
/// ```
/// use std::net::IpAddr;
///
/// use tower_telegram::router::{Command, Parsed, Router};
///
/// async fn ping(Command((Parsed(host), times)): Command<(Parsed<IpAddr>, u32)>) {
///     println!("{host} is called {times} times.");
/// }
///
/// let router: Router = Router::new().command("ping", ping);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed<T>(pub T);

impl<T> FromArguments for Parsed<T>
where
    T: FromStr<Err: Into<BoxError>>,
{
    fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
        arguments.parse().map(Self)
    }
}

impl FromArguments for () {
    fn from_arguments(_: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
        Ok(())
    }
}

/// All words that are left, with the white space between them. May be empty.
impl FromArguments for String {
    fn from_arguments(arguments: &mut Arguments<'_>) -> Result<Self, InvalidArguments> {
        Ok(arguments.rest().to_owned())
    }
}

/// `None` if no word is left.
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

/// The arguments of a command can't be read as the type that its handler takes.
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

    /// The first word after those that the command takes.
    pub(super) fn too_many(word: &str) -> Self {
        Self {
            word: Some(word.into()),
            source: None,
        }
    }

    /// An error with a reason of your own. The bot replies with it, so it is for the user to read.
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

/// A word may be as long as a message, and the reply that quotes it has to fit into one.
fn shortened(word: &str) -> &str {
    let end = word.char_indices().nth(40).map_or(word.len(), |(at, _)| at);
    &word[..end]
}

impl Error for InvalidArguments {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
