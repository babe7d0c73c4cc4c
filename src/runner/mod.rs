//! Handles updates that no request waits for: those of polling, and those of a queue.
//!
//! [`Polling`](crate::polling::Polling) and a queue's worker differ in where updates come from and in who is told when
//! they end. Both are built on this:
//!
//! - [`Runner`] has the updates of a chat handled one after the other and those of other chats beside them, so many at
//!   once. A chat whose update failed, or had to wait, rests, and holds up itself alone.
//! - [`UpdateHandler`] makes one attempt and decides what it came to, by the one `Outcome` that all ways in share.

mod attempt;
mod chats;

pub(crate) use self::{
    attempt::{UpdateHandler, Verdict, send_reply},
    chats::{AttemptEnd, Runner, RunnerEvent, Tries},
};
