//! The runner of updates for which no request waits: those of polling and of a queue.
//!
//! [`Polling`](crate::polling::Polling) and a queue's worker differ in where updates come from and where it is recorded
//! that they are done. Both are built on this:
//!
//! - [`Runner`] starts attempts: the updates of a chat one after the other, those of different chats at the same time,
//!   up to a limit. A chat whose update failed or was deferred pauses, and holds up itself alone.
//! - [`UpdateHandler`] makes one attempt and judges its result by the `Outcome` that webhooks use too.

mod attempt;
mod chats;

pub(crate) use self::{
    attempt::{RECORD_TIME, UpdateHandler, Verdict},
    chats::{AttemptEnd, Runner, RunnerEvent, RunnerJob, Tries},
};
