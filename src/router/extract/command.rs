//! Commands and deep links as arguments of a handler.

use std::{
    error::Error,
    fmt,
    future::{Future, ready},
};

use tower::BoxError;

use super::{
    super::{
        commands::Usage,
        parts::{ExtractorRejection, FromUpdateParts, UpdateParts},
    },
    arguments::{Arguments, FromArguments, InvalidArguments},
};
use crate::{
    IntoReply as _, Reply,
    client::ErrorChain,
    methods::SendMessage,
    text::{MAX_MESSAGE, split_plain},
    types::UpdateKind,
    webhook::Failure,
};

/// The arguments of the command with which a message begins, read as an `A`; see [`FromArguments`].
///
/// When the arguments can't be read, or there are too many, the handler isn't called: the bot replies to the chat
/// with the command's [usage](super::super::CommandRoute::usage), or with the reason if it has none, and the
/// update is done. In a guest message, to whose chat the bot can't reply, the update has failed permanently. To decide
/// yourself, take a `Result<Command<A>, InvalidCommand>`.
///
/// ```
/// use tower_telegram::{
///     methods::SendMessage,
///     router::{Command, InvalidCommand, Router},
///     types::ChatId,
/// };
///
/// /// `/roll 6` or `/roll 6 2`
/// async fn roll(Command((sides, times)): Command<(u32, Option<u32>)>, chat: ChatId) -> SendMessage {
///     SendMessage::new(chat, format!("{} dice of {sides} sides", times.unwrap_or(1)))
/// }
///
/// /// Any number, and 1 for everything else.
/// async fn dice(read: Result<Command<u32>, InvalidCommand>, chat: ChatId) -> SendMessage {
///     let number = read.map_or(1, |Command(number)| number);
///     SendMessage::new(chat, format!("{number} dice"))
/// }
///
/// let router: Router = Router::new().command("roll", roll).command("dice", dice);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<A = String>(pub A);

impl<A, S> FromUpdateParts<S> for Command<A>
where
    A: FromArguments + Send,
    S: Sync,
{
    type Rejection = InvalidCommand;

    const NEVER_WAITS: bool = true;

    fn from_update_parts(
        parts: &mut UpdateParts,
        _: &S,
    ) -> impl Future<Output = Result<Self, InvalidCommand>> + Send {
        ready(read(parts).map(Self))
    }
}

fn read<A: FromArguments>(parts: &UpdateParts) -> Result<A, InvalidCommand> {
    let message = match &parts.update.kind {
        // The message under the button is the bot's own.
        UpdateKind::CallbackQuery(_) => None,
        _ => parts.update.any_message(),
    };
    let Some(message) = message else {
        return Err(InvalidCommand::missing());
    };
    let Some(command) = message.bot_command() else {
        return Err(InvalidCommand::missing());
    };
    let mut arguments = Arguments::new(command.arguments);
    let read = A::from_arguments(&mut arguments).and_then(|read| match arguments.word() {
        None => Ok(read),
        Some(word) => Err(InvalidArguments::too_many(word)),
    });
    read.map_err(|error| InvalidCommand {
        // The bot isn't in the chat of a guest message.
        reply: (message.guest_query_id.is_none()).then(|| Box::new(message.reply(""))),
        usage: parts.head.extensions.get::<Usage>().map(Usage::text),
        error: Some(error),
    })
}

/// The message doesn't begin with a command, or the command's arguments can't be read.
#[derive(Debug)]
pub struct InvalidCommand {
    /// The reply to the command's chat, without its text. `None` if the bot can't reply there.
    reply: Option<Box<SendMessage>>,
    usage: Option<String>,
    error: Option<InvalidArguments>,
}

impl InvalidCommand {
    fn missing() -> Self {
        Self {
            reply: None,
            usage: None,
            error: None,
        }
    }

    /// The text of the reply.
    fn text(&self) -> String {
        match (&self.usage, &self.error) {
            (Some(usage), _) => format!("Usage: {usage}"),
            (None, Some(error)) => ErrorChain(error).to_string(),
            (None, None) => self.to_string(),
        }
    }
}

impl fmt::Display for InvalidCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.error {
            Some(_) => "the command's arguments can't be read",
            None => "the message doesn't begin with a command",
        })
    }
}

impl Error for InvalidCommand {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}

impl ExtractorRejection for InvalidCommand {
    fn is_missing(&self) -> bool {
        self.error.is_none()
    }

    fn into_result(self) -> Result<Reply, BoxError> {
        let text = self.text();
        let Some(mut reply) = self.reply else {
            return Err(Failure::permanent(self).into());
        };
        // An error may quote the argument, which may be as long as a message.
        let text = split_plain(&text, MAX_MESSAGE).into_iter().next();
        reply.text = text.unwrap_or_default().to_owned().into();
        reply
            .into_reply()
            .map_err(|error| Failure::permanent(error).into())
    }
}

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
/// When the user name, behind an `@` or without, isn't 5 to 32 characters of `A-Za-z0-9_`, or the payload isn't 1 to 64
/// characters of `A-Za-z0-9_-`.
pub fn deep_link(username: &str, payload: &str) -> Result<String, InvalidDeepLink> {
    let username = username.strip_prefix('@').unwrap_or(username);
    let in_username = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let in_payload = |byte: u8| in_username(byte) || byte == b'-';
    if !(5..=32).contains(&username.len()) || !username.bytes().all(in_username) {
        return Err(InvalidDeepLink::Username);
    }
    if !(1..=64).contains(&payload.len()) || !payload.bytes().all(in_payload) {
        return Err(InvalidDeepLink::Payload);
    }
    Ok(format!("https://t.me/{username}?start={payload}"))
}

/// A [`deep_link`] can't be made of this user name or this payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidDeepLink {
    /// The bot's user name isn't 5 to 32 characters of `A-Za-z0-9_`.
    Username,
    /// The payload isn't 1 to 64 characters of `A-Za-z0-9_-`.
    Payload,
}

impl fmt::Display for InvalidDeepLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username => {
                "the user name of a bot has 5 to 32 characters of A-Z, a-z, 0-9 and _"
            }
            Self::Payload => {
                "the payload of a deep link has 1 to 64 characters of A-Z, a-z, 0-9, _ and -"
            }
        })
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
