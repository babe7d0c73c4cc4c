//! Commands as arguments of a handler.

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

/// Reads the arguments of the command in an update.
pub(super) fn read<A: FromArguments>(parts: &UpdateParts) -> Result<A, InvalidCommand> {
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
