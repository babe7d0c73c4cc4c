//! The texts of errors, and their causes.

use std::{error, fmt};

use super::{Error, ErrorKind, ErrorParts};
use crate::client::error_chain::ErrorChain;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(method) = &self.0.method {
            write!(f, "{method}: ")?;
        }
        f.write_str(match self.0.kind {
            ErrorKind::Api => "telegram refused the call",
            ErrorKind::Http => "unexpected response (not from the bot api)",
            ErrorKind::Transport if self.0.status.is_some() => "the response broke off",
            ErrorKind::Transport => "no response",
            ErrorKind::Timeout if self.0.status.is_some() => "the response didn't end in time",
            ErrorKind::Timeout => "no response in time",
            ErrorKind::DeadlineExceeded => "the deadline ends before the call can be made",
            ErrorKind::Layer => "a layer rejected the call",
            ErrorKind::Invalid => "the call can't work, and wasn't sent",
            ErrorKind::Encode => "the call can't be encoded",
            ErrorKind::Upload => "a file to upload can't be read",
            ErrorKind::LocalFile => "the server's file can't be read on this machine",
            ErrorKind::Write => "a downloaded file can't be written",
            ErrorKind::Decode => "the result isn't what the method returns",
        })?;
        if let Some(status) = self.0.status {
            write!(f, ": {}", status.as_u16())?;
        }
        if let Some(description) = &self.0.description
            && !description.is_empty()
        {
            write!(f, " {description}")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, ": {}", ErrorChain(&**source))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("method", &self.0.method)
            .field("status", &self.0.status)
            .field("description", &self.0.description)
            .field(
                "source",
                &self.0.source.as_deref().map(|source| ErrorChain(source)),
            )
            .finish_non_exhaustive()
    }
}

impl error::Error for Error {
    /// The cause. The cause of a refusal is the refusal's own status and description, because crates such as anyhow
    /// hide the type of the outermost error, and the webhook has to recognise a refusal.
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self.0.kind {
            ErrorKind::Api => Some(&*self.0),
            _ => self.0.source.as_deref().map(|e| e as _),
        }
    }
}

/// The status and the description alone.
impl fmt::Display for ErrorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.description) {
            (Some(status), Some(description)) if !description.is_empty() => {
                write!(f, "{} {description}", status.as_u16())
            }
            (Some(status), _) => write!(f, "{}", status.as_u16()),
            (None, _) => f.write_str("no status"),
        }
    }
}

impl fmt::Debug for ErrorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl error::Error for ErrorParts {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}
