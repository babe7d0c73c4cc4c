//! User names of bots, and the error for a text that is none.

use std::{error::Error, fmt};

/// A text that isn't the user name of a bot: a letter and up to 31 more characters of `A-Za-z0-9_`, behind an `@` or
/// without. It doesn't contain the text, which may be a token by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidUsername;

impl fmt::Display for InvalidUsername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the user name of a bot has 1 to 32 characters of A-Z, a-z, 0-9 and _, the first of them a letter",
        )
    }
}

impl Error for InvalidUsername {}

/// The user name without its `@`.
///
/// New bots have names of 5 characters or more. Older ones, such as @gif, have fewer, and links to them work.
pub(super) fn checked_username(text: &str) -> Result<&str, InvalidUsername> {
    let username = text.strip_prefix('@').unwrap_or(text);
    let is_valid = username.len() <= 32
        && username.starts_with(|first: char| first.is_ascii_alphabetic())
        && username
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_valid.then_some(username).ok_or(InvalidUsername)
}
