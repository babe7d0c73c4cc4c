//! Errors of a playground.

use std::{error, fmt, io, process::ExitStatus};

use crate::Error;

/// Why a conversation with the bot couldn't be played.
#[derive(Debug)]
#[non_exhaustive]
pub enum PlaygroundError {
    /// The Telegram on loopback couldn't do its part.
    Telegram(Error),
    /// The bot's process couldn't be started, watched or stopped, or the standard input not be read.
    Io(io::Error),
    /// The bot neither set a webhook nor called `getUpdates` in time.
    NotReady,
    /// The bot has ended before the conversation has, or with a failure.
    Ended(ExitStatus),
    /// The bot didn't end within 10 seconds of a SIGTERM. It was killed.
    NotStopped,
    /// No message of the bot has a button with this label.
    NoButton(String),
}

impl fmt::Display for PlaygroundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Telegram(_) => f.write_str("the Telegram on loopback failed"),
            Self::Io(_) => f.write_str("the bot's process could not be run"),
            Self::NotReady => {
                f.write_str("the bot neither set a webhook nor polled for updates in time")
            }
            Self::Ended(status) => write!(f, "the bot has ended: {status}"),
            Self::NotStopped => f.write_str("the bot did not end within 10 seconds of a SIGTERM"),
            Self::NoButton(label) => write!(f, "no message of the bot has a button {label:?}"),
        }
    }
}

impl error::Error for PlaygroundError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Telegram(error) => Some(error),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for PlaygroundError {
    fn from(error: Error) -> Self {
        Self::Telegram(error)
    }
}

impl From<io::Error> for PlaygroundError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
