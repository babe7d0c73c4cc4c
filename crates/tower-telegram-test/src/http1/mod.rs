//! HTTP/1 messages with the parsing rules of Telegram's server, for both directions.
//!
//! One direction is the bot's responses to the webhook, the other the requests of a Bot API client.
//!
//! The parser is written by hand because it must deviate from the standard where the server does: a
//! response without a length has no body, surplus bytes stay in the connection, and only CRLF ends a line.

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
