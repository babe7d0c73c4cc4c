//! The kit's errors, and the exchanges with the bot that end with them.
//!
//! [`Error`] and [`Exchange`] are in one file because each can hold the other: a delivery that could not start
//! ends with an error, and the error of an update that the bot did not take holds its exchange.

use std::{fmt, io, time::Duration};

use super::{attempt::Attempt, call::Call};
use tower_telegram_types::types::ParseError;

/// An update's way to the bot: every attempt, and how it ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The update's id.
    pub update_id: u64,
    /// Every attempt to deliver it, in their order.
    pub attempts: Vec<Attempt>,
    /// The method that the bot put into its response, as it was carried out. `None` if there was none,
    /// or one that Telegram refuses there: `get…`, `setWebhook`, `deleteWebhook`, `close`, `logOut`.
    pub reply: Option<Call>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How the delivery of an update ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The bot answered with a 2xx.
    Delivered,
    /// All attempts failed; Telegram would go on.
    GaveUp,
    /// The update's life would have ended before the next attempt, so Telegram dropped it; or it was dropped
    /// with all others, by `drop_pending_updates`.
    Dropped,
    /// The webhook was deleted in between. The update waits for the next one, or for `getUpdates`.
    Stopped,
    /// Nothing could be sent.
    NotSent(Error),
}

impl Exchange {
    /// Whether the bot took the update.
    pub fn is_delivered(&self) -> bool {
        matches!(self.outcome, Outcome::Delivered)
    }

    /// The last attempt.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The last attempt that the bot answered with an error of its own: a status of 500 to 599, but not a 503, with
    /// which it asks for a later attempt.
    pub fn last_failure(&self) -> Option<&Attempt> {
        self.attempts
            .iter()
            .rev()
            .find(|attempt| is_failure(attempt))
    }

    /// Whether the bot failed each time but the last of so many, and took the update then. That is what a bot does that
    /// gives an update up, so that its chat can go on.
    pub(super) fn was_given_up(&self, max_attempts: usize) -> bool {
        let Some((_, earlier)) = self.attempts.split_last() else {
            return false;
        };
        let all = earlier.len() + 1 == max_attempts && !earlier.is_empty();
        self.is_delivered() && all && earlier.iter().all(is_failure)
    }

    /// The status of the last attempt, if it was answered.
    pub fn status(&self) -> Option<u16> {
        self.last()?.status
    }
}

fn is_failure(attempt: &Attempt) -> bool {
    attempt
        .status
        .is_some_and(|status| (500..600).contains(&status) && status != 503)
}

/// In one line: the update, each attempt's status or error, and how it ended.
impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "update {} ->", self.update_id)?;
        for attempt in &self.attempts {
            match (&attempt.error, attempt.status) {
                (Some(error), _) => write!(f, " {error};")?,
                (None, Some(status)) => write!(f, " {status};")?,
                (None, None) => {}
            }
        }
        match &self.outcome {
            Outcome::Delivered => f.write_str(" delivered"),
            Outcome::GaveUp => f.write_str(" given up"),
            Outcome::Dropped => f.write_str(" dropped"),
            Outcome::Stopped => f.write_str(" the webhook was deleted"),
            Outcome::NotSent(error) => write!(f, " not sent: {error}"),
        }
    }
}

/// Why the embedded Telegram could not do what a test asked of it.
///
/// What goes wrong between Telegram and the *bot* is no `Error`: it is part of an
/// [`Attempt`](super::Attempt).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No loopback port could be opened.
    Start(io::Error),
    /// The file can't be read.
    File(io::Error),
    /// The bot token isn't of the form `<id>:<secret>`.
    InvalidToken,
    /// What should be a trusted root isn't a certificate in PEM.
    InvalidCertificate,
    /// No webhook is set, so there is nowhere to send the update.
    NoWebhook,
    /// The update isn't a JSON object, or its `update_id` isn't a non-negative integer.
    NotAnUpdate,
    /// The update is larger than the 512 KiB (524 288 bytes) Telegram keeps. Telegram drops it without a word.
    UpdateTooLarge {
        /// The size of its JSON, in bytes.
        bytes: usize,
    },
    /// The request's head is over 4068 bytes: Telegram never sends such an update, and doesn't say so.
    HeadTooLarge {
        /// The size of the head, in bytes.
        bytes: usize,
    },
    /// The bot doesn't ask for that type of update (`allowed_updates`). Telegram drops it without a word.
    NotAllowed {
        /// The update's type.
        update_type: String,
    },
    /// An update of that id, or a later one, was confirmed already: `getUpdates` can't give it out any more.
    AlreadyConfirmed {
        /// The update's id.
        update_id: u64,
    },
    /// 100 000 updates, or 128 MiB of them, wait already. Telegram drops further ones without a word.
    QueueFull,
    /// The bot didn't confirm the update in time.
    NotConfirmed {
        /// The update's id.
        update_id: u64,
        /// How long the test waited.
        waited: Duration,
    },
    /// Telegram refused the call.
    Refused {
        /// The error code, as in `error_code`.
        code: u16,
        /// What Telegram says about it.
        description: String,
    },
    /// The call that a test waited for didn't come in time.
    NoCall {
        /// The method that was waited for.
        method: String,
        /// How long the test waited.
        waited: Duration,
        /// What happened instead: the last calls and updates, oldest first, a line for each, at most 20.
        history: Vec<String>,
    },
    /// The message that a person waited for didn't come in time.
    NoMessage {
        /// What was waited for.
        what: String,
        /// The chat, by its title or its person's name.
        chat: String,
        /// How long the test waited.
        waited: Duration,
        /// What happened instead: the last calls and updates, oldest first, a line for each, at most 20.
        history: Vec<String>,
    },
    /// A person did something of which Telegram doesn't tell the bot.
    NotNotified {
        /// What was done.
        what: String,
        /// Why the bot isn't notified.
        why: String,
    },
    /// The bot was notified of what a person did, and didn't take it.
    NotTaken(Box<Exchange>),
    /// The bot failed with what a person did, in each of the [attempts](super::TelegramBuilder::max_attempts) but the last.
    /// That one it answered with a 2xx, as a bot does that gives an update up. What it failed with last is
    /// [`Exchange::last_failure`].
    Failed(Box<Exchange>),
    /// A person can't do that.
    NotPossible {
        /// What should have been done.
        what: String,
        /// Why it can't be.
        why: String,
    },
    /// There is no such button below the message.
    NoButton {
        /// The text of the button that was looked for.
        text: String,
        /// The texts of those that are there.
        buttons: Vec<String>,
    },
    /// The bot refused a payment or a shipment.
    PaymentRefused {
        /// What it gave as the reason.
        reason: String,
    },
    /// Something that a test made up isn't what it should be.
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// Why it can't be read as that.
        source: ParseError,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(_) => f.write_str("no loopback port could be opened"),
            Self::File(_) => f.write_str("the file can't be read"),
            Self::InvalidToken => f.write_str("the bot token is not of the form <id>:<secret>"),
            Self::InvalidCertificate => f.write_str("a trusted root is not a certificate in PEM"),
            Self::NoWebhook => f.write_str("no webhook is set"),
            Self::NotAnUpdate => {
                f.write_str("an update is a JSON object with an unsigned integer as its update_id")
            }
            Self::UpdateTooLarge { bytes } => {
                write!(
                    f,
                    "the update has {bytes} bytes, Telegram drops those over 524288"
                )
            }
            Self::HeadTooLarge { bytes } => {
                write!(
                    f,
                    "the request head has {bytes} bytes, Telegram never sends those over 4068"
                )
            }
            Self::NotAllowed { update_type } => {
                write!(f, "the bot does not ask for updates of type {update_type}")
            }
            Self::AlreadyConfirmed { update_id } => {
                write!(f, "update {update_id} or a later one was confirmed already")
            }
            Self::QueueFull => f.write_str("too many updates wait for getUpdates"),
            Self::NotConfirmed { update_id, waited } => {
                write!(f, "update {update_id} was not confirmed within {waited:?}")
            }
            Self::Refused { code, description } => write!(f, "{code} {description}"),
            Self::NoCall {
                method,
                waited,
                history,
            } => {
                write!(f, "no call of {method} within {waited:?}")?;
                write_history(f, history)
            }
            Self::NoMessage {
                what,
                chat,
                waited,
                history,
            } => {
                write!(f, "no {what} in the chat {chat:?} within {waited:?}")?;
                write_history(f, history)
            }
            Self::NotNotified { what, why } => {
                write!(f, "the bot is not told of the {what}: {why}")
            }
            Self::NotTaken(exchange) => write!(f, "the bot did not take the {exchange}"),
            Self::Failed(exchange) => write_failed(f, exchange),
            Self::NotPossible { what, why } => write!(f, "the {what} is not possible: {why}"),
            Self::NoButton { text, buttons } => {
                write!(f, "no button says {text:?}; there are {buttons:?}")
            }
            Self::PaymentRefused { reason } => write!(f, "the bot refused the payment: {reason}"),
            Self::Unreadable { what, .. } => write!(f, "it can't be read as {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(source) | Self::File(source) => Some(source),
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}

fn write_failed(f: &mut fmt::Formatter<'_>, exchange: &Exchange) -> fmt::Result {
    let (attempts, failed) = (exchange.attempts.len(), exchange.attempts.iter());
    let failed = failed.filter(|attempt| is_failure(attempt)).count();
    let update_id = exchange.update_id;
    write!(
        f,
        "the bot failed with update {update_id} in {failed} of {attempts} attempts"
    )?;
    if let Some(Attempt {
        status: Some(status),
        reason,
        ..
    }) = exchange.last_failure()
    {
        write!(f, ", last with {status} {reason}")?;
    }
    f.write_str(", and then gave it up")
}

fn write_history(f: &mut fmt::Formatter<'_>, history: &[String]) -> fmt::Result {
    if history.is_empty() {
        return f.write_str("; nothing has happened at all");
    }
    f.write_str("; what happened instead:")?;
    for line in history {
        write!(f, "\n  {line}")?;
    }
    Ok(())
}
