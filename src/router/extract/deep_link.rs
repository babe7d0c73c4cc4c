//! Deep links to a bot, and their payload as an argument of a handler.

use std::{
    error::Error,
    fmt,
    future::{Future, ready},
};

use super::{
    super::{
        parts::{FromUpdateParts, UpdateParts},
        username::{InvalidUsername, checked_username},
    },
    command::{InvalidCommand, read},
};

/// A [deep link](https://core.telegram.org/bots/features#deep-linking) to the bot with this user name. A user
/// who opens it sends `/start` with the payload, which the handler takes as a [`StartPayload`].
///
/// ```
/// use tower_telegram::router::deep_link;
///
/// assert_eq!(deep_link("my_bot", "ref_7")?, "https://t.me/my_bot?start=ref_7");
/// assert!(deep_link("my_bot", "no spaces").is_err());
/// # Ok::<_, tower_telegram::router::InvalidDeepLink>(())
/// ```
///
/// # Errors
///
/// When the user name, behind an `@` or without, isn't a letter and up to 31 more characters of `A-Za-z0-9_`, or the
/// payload isn't 1 to 64 characters of `A-Za-z0-9_-`.
pub fn deep_link(username: &str, payload: &str) -> Result<String, InvalidDeepLink> {
    let username = checked_username(username).map_err(|_| InvalidDeepLink::Username)?;
    let in_payload = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(1..=64).contains(&payload.len()) || !payload.bytes().all(in_payload) {
        return Err(InvalidDeepLink::Payload);
    }
    Ok(format!("https://t.me/{username}?start={payload}"))
}

/// A [`deep_link`] can't be made of this user name or this payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidDeepLink {
    /// The bot's user name isn't a letter and up to 31 more characters of `A-Za-z0-9_`.
    Username,
    /// The payload isn't 1 to 64 characters of `A-Za-z0-9_-`.
    Payload,
}

impl fmt::Display for InvalidDeepLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Username => InvalidUsername.fmt(f),
            Self::Payload => f.write_str(
                "the payload of a deep link has 1 to 64 characters of A-Z, a-z, 0-9, _ and -",
            ),
        }
    }
}

impl Error for InvalidDeepLink {}

/// The payload of the [deep link](https://core.telegram.org/bots/features#deep-linking) by which `/start` was
/// sent. `None` for a `/start` without one.
///
/// Users can type any text behind `/start`, so check the payload.
///
/// ```
/// use tower_telegram::{
///     methods::SendMessage,
///     router::{Router, StartPayload},
///     types::ChatId,
/// };
///
/// async fn start(StartPayload(payload): StartPayload, chat: ChatId) -> SendMessage {
///     let from = payload.unwrap_or_else(|| "nowhere".into());
///     SendMessage::new(chat, format!("You come from {from}"))
/// }
///
/// let router: Router = Router::new().command("start", start);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartPayload(pub Option<Box<str>>);

impl<S: Sync> FromUpdateParts<S> for StartPayload {
    type Rejection = InvalidCommand;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, InvalidCommand>> + Send {
        let payload = read::<String>(parts);
        ready(payload.map(|text| Self((!text.is_empty()).then(|| text.into()))))
    }
}
