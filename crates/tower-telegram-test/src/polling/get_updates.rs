//! The method `getUpdates`, with long polling.

use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};

use super::queue::{PollQueue, Woken};
use crate::{
    bot_api::{
        answer::Answer,
        args::{Args, to_integer},
    },
    clock::Clock,
};

/// How many updates one call returns at most.
const MAX_UPDATES: i64 = 100;
/// The longest `timeout` in seconds.
const MAX_TIMEOUT: i64 = 50;
/// A call that repeats the offset of the one before within this time waits for at least this long.
const REPEAT: Duration = Duration::from_secs(3);
/// A call that repeats the offset within this time gets a single update.
const FAST_REPEAT: Duration = Duration::from_millis(500);

/// The answer to `getUpdates`, or the wait for it.
#[derive(Debug)]
pub(crate) enum GetUpdatesReply {
    Done(Answer),
    Waiting(WaitingPoll),
}

/// A call that waits for updates.
#[derive(Debug)]
pub(crate) struct WaitingPoll {
    from: u64,
    limit: usize,
    until: Instant,
    woken: oneshot::Receiver<Woken>,
}

/// Executes the call up to the wait. Only a call that has to wait ends another waiting call.
pub(crate) fn get_updates(queue: &PollQueue, args: &Args, clock: &Clock) -> GetUpdatesReply {
    let offset = to_integer(&args.text("offset"));
    let mut limit = integer(args, "limit", MAX_UPDATES, 1, MAX_UPDATES);
    let mut seconds = integer(args, "timeout", 0, 0, MAX_TIMEOUT);
    if let Some(since) = queue.since_same(offset) {
        if since < REPEAT {
            seconds = seconds.max(REPEAT.as_secs());
        }
        if since < FAST_REPEAT {
            limit = 1;
        }
    }
    let limit = usize::try_from(limit).unwrap_or(1);
    let from = queue.confirm(offset);
    match queue.get(from, limit) {
        Some(updates) => GetUpdatesReply::Done(Answer::json(updates)),
        None if seconds == 0 => GetUpdatesReply::Done(none()),
        None => GetUpdatesReply::Waiting(WaitingPoll {
            from,
            limit,
            until: clock.now() + Duration::from_secs(seconds),
            woken: queue.wait_for_updates(),
        }),
    }
}

impl WaitingPoll {
    /// Waits for an update, the call's time-out, or another call.
    pub(crate) async fn wait(self, queue: &PollQueue, clock: &Clock) -> Answer {
        let left = self.until.saturating_duration_since(clock.now());
        match clock.timeout(left, self.woken).await {
            Some(Ok(Some(ended))) => ended,
            _ => queue
                .get(self.from, self.limit)
                .map_or_else(none, Answer::json),
        }
    }
}

/// The answer without updates.
fn none() -> Answer {
    Answer::json("[]".to_owned())
}

/// An argument as an integer within bounds.
fn integer(args: &Args, name: &str, default: i64, min: i64, max: i64) -> u64 {
    let text = args.text(name);
    let value = if text.is_empty() {
        default
    } else {
        to_integer(&text)
    };
    value.clamp(min, max).unsigned_abs()
}
