//! HTTP/1 messages as Telegram's server reads them.
//!
//! In both directions: the bot's responses to the webhook, and the requests of a Bot API client.
//!
//! Written by hand because it must deviate from the standard in the same places as the server: a response without
//! a length has no body, bytes that are left over stay in the connection, and only CRLF ends a line.

mod body;
mod body_kind;
mod buffer;
mod headers;
mod message;
mod refusal;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    body_kind::{BodyKind, MAX_ARGUMENTS},
    headers::{Headers, header},
    message::{HttpMessage, StartLine, read, read_head},
    refusal::{HttpReadError, HttpRefusal, reason_phrase},
};
