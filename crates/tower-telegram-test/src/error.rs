//! The crate's [`Error`], and the [`Exchange`] with the bot for one update.
//!
//! They are in one file because each can hold the other: a delivery that couldn't start ends with an error,
//! and the error for an update that the bot didn't take holds its exchange.

use std::{fmt, io, time::Duration};

use crate::{bot_api::call::Call, webhook::attempt::Attempt};
use tower_telegram_types::types::ParseError;

/// The delivery of one update: every attempt, and the outcome.
///
/// `Display` writes it in one line: the update, the status or error of each attempt, and the outcome.
///
/// ```no_run
/// # use tower_telegram_test::{Telegram, update};
/// # async fn example(telegram: Telegram) {
/// let exchange = telegram.deliver(update::text(7, "hello")).await;
/// assert!(exchange.is_delivered(), "{exchange}");
/// assert_eq!(exchange.attempts.len(), 1);
/// let reply = exchange.reply.expect("the bot replied in its response");
/// assert_eq!(reply.method, "sendMessage");
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The update's ID.
    pub update_id: u64,
    /// Every attempt to deliver it, oldest first.
    pub attempts: Vec<Attempt>,
    /// The method in the bot's response, and the result of executing it. `None` if there was no method, or
    /// one that Telegram doesn't execute in a response: `get…`, `setWebhook`, `deleteWebhook`, `close`,
    /// `logOut`.
    pub reply: Option<Call>,
    /// The outcome.
    pub outcome: ExchangeOutcome,
}

/// The outcome of delivering an update.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExchangeOutcome {
    /// The bot responded with a 2xx.
    Delivered,
    /// All [attempts](super::TelegramBuilder::max_attempts) failed. The real server would continue.
    Undelivered,
    /// The update would have expired before the next attempt, so Telegram dropped it; or it was dropped
    /// with all others by `drop_pending_updates`.
    Dropped,
    /// The webhook was deleted during the delivery. The update waits for another webhook, or for
    /// `getUpdates`.
    Stopped,
    /// No request could be sent.
    NotSent(Error),
}

impl Exchange {
    /// Whether the bot took the update.
    pub fn is_delivered(&self) -> bool {
        matches!(self.outcome, ExchangeOutcome::Delivered)
    }

    /// The last attempt.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The last attempt to which the bot responded with an error of its own: a status of 500 to 599, except
    /// for 503, with which it asks for a later attempt.
    pub fn last_failure(&self) -> Option<&Attempt> {
        self.attempts
            .iter()
            .rev()
            .find(|attempt| is_failure(attempt))
    }

    /// Whether the bot failed all of `max_attempts` attempts but the last, and accepted the update then. A
    /// bot with a limit of attempts does so to abandon an update, so that its chat can continue.
    pub(super) fn was_abandoned(&self, max_attempts: usize) -> bool {
        let Some((_, earlier)) = self.attempts.split_last() else {
            return false;
        };
        let all = earlier.len() + 1 == max_attempts && !earlier.is_empty();
        self.is_delivered() && all && earlier.iter().all(is_failure)
    }

    /// The status of the last attempt, if it got a response.
    pub fn status(&self) -> Option<u16> {
        self.last()?.status
    }
}

/// A 5xx other than 503.
fn is_failure(attempt: &Attempt) -> bool {
    attempt
        .status
        .is_some_and(|status| (500..600).contains(&status) && status != 503)
}

/// One line: the update, the status or error of each attempt, and the outcome.
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
            ExchangeOutcome::Delivered => f.write_str(" delivered"),
            ExchangeOutcome::Undelivered => f.write_str(" not delivered"),
            ExchangeOutcome::Dropped => f.write_str(" dropped"),
            ExchangeOutcome::Stopped => f.write_str(" the webhook was deleted"),
            ExchangeOutcome::NotSent(error) => write!(f, " not sent: {error}"),
        }
    }
}

/// The reason why the server could not do what a test asked for.
///
/// Failures between Telegram and the *bot* are not an `Error`. They are in the [`Attempt`](super::Attempt).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The port could not be opened.
    Start(io::Error),
    /// The file can't be read.
    File(io::Error),
    /// The bot token isn't of the form `<id>:<secret>`.
    InvalidToken,
    /// The PEM file for a trusted root has no certificate.
    InvalidCertificate,
    /// No webhook is set, so the update can't be sent.
    NoWebhook,
    /// The update isn't a JSON object, or its `update_id` isn't a non-negative integer.
    NotAnUpdate,
    /// The update has more than the 512 KiB (524 288 bytes) that Telegram keeps. The real server drops it
    /// silently.
    UpdateTooLarge {
        /// The size of its JSON, in bytes.
        bytes: usize,
    },
    /// The request's head has more than 4068 bytes. The real server never sends such an update, and doesn't
    /// report it.
    HeadTooLarge {
        /// The size of the head, in bytes.
        bytes: usize,
    },
    /// The bot's `allowed_updates` don't have that type of update. The real server drops it silently.
    NotAllowed {
        /// The update's type.
        update_type: String,
    },
    /// An update with that ID or a later one is already confirmed, so `getUpdates` can't return it any
    /// more.
    AlreadyConfirmed {
        /// The update's id.
        update_id: u64,
    },
    /// 100 000 updates, or 128 MiB of them, are waiting. The real server drops further ones silently.
    QueueFull,
    /// The bot didn't confirm the update in time.
    NotConfirmed {
        /// The update's id.
        update_id: u64,
        /// How long the test waited.
        waited: Duration,
    },
    /// The server refused the call.
    Refused {
        /// The `error_code` of the response.
        code: u16,
        /// The `description` of the response.
        description: String,
    },
    /// The call that the test waited for wasn't made in time.
    NoCall {
        /// The method that the test waited for.
        method: String,
        /// How long the test waited.
        waited: Duration,
        /// The last calls and updates, oldest first, one line each, at most 20.
        history: Vec<String>,
    },
    /// The message that a user waited for wasn't sent in time.
    NoMessage {
        /// A description of the message.
        what: String,
        /// The chat, by its title or its user's name.
        chat: String,
        /// How long the test waited.
        waited: Duration,
        /// The last calls and updates, oldest first, one line each, at most 20.
        history: Vec<String>,
    },
    /// Telegram doesn't notify the bot of the user's action.
    NotNotified {
        /// The action.
        what: String,
        /// The reason why the bot isn't notified.
        why: String,
    },
    /// The bot didn't accept the update about a user's action.
    NotTaken(Box<Exchange>),
    /// The bot failed to handle a user's action in each of the
    /// [attempts](super::TelegramBuilder::max_attempts) but the last, to which it responded with a 2xx to
    /// abandon the update. [`Exchange::last_failure`] has its last error.
    Failed(Box<Exchange>),
    /// The user can't do that action.
    NotPossible {
        /// The action.
        what: String,
        /// The reason why it isn't possible.
        why: String,
    },
    /// The message has no such button.
    NoButton {
        /// The text of the button.
        text: String,
        /// The texts of the buttons that the message has.
        buttons: Vec<String>,
    },
    /// The bot refused a payment or a shipment.
    PaymentRefused {
        /// The bot's reason.
        reason: String,
    },
    /// A value that the test made up isn't of the type that it should be.
    Unreadable {
        /// The type that was expected.
        what: &'static str,
        /// The error from parsing it.
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
                write!(f, "the bot is not notified of the {what}: {why}")
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

/// The text of [`Error::Failed`]: the last failure of the bot, with the start of its response's body.
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

/// The history below the first line, one event a line.
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
