//! Updates that are added to the queue at the same time, many of them in one call.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::queue::{Enqueued, QueueError};

/// The most updates of a call, and the most bytes of their JSON unless one alone has more: Redis does nothing else
/// meanwhile.
const MOST: usize = 128;
pub(super) const MOST_BYTES: usize = 256 << 10;

/// The updates of a queue that are to be added.
///
/// One call is under way at a time. The updates that arrive meanwhile go together into the next, so that a busy webhook
/// adds many with one round trip, and an idle one adds each at once.
#[derive(Default)]
pub(super) struct Additions(Mutex<AdditionsState>);

#[derive(Default)]
struct AdditionsState {
    waiting: VecDeque<WaitingAddition>,
    /// A task makes calls until no update waits.
    has_task: bool,
}

pub(super) struct WaitingAddition {
    pub(super) addition: Addition,
    pub(super) answer: oneshot::Sender<Result<Enqueued, QueueError>>,
}

/// An update that is to be added.
pub(super) struct Addition {
    pub(super) partition: u16,
    pub(super) bot: i64,
    pub(super) update_id: i64,
    pub(super) chat_key: String,
    pub(super) json: Bytes,
    /// A `traceparent`, or an empty text.
    pub(super) trace_context: String,
}

impl Additions {
    fn state(&self) -> MutexGuard<'_, AdditionsState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the update wait for the next call. Returns whether the caller has to start the task.
    pub(super) fn push(&self, waiting: WaitingAddition) -> bool {
        let mut state = self.state();
        state.waiting.push_back(waiting);
        !std::mem::replace(&mut state.has_task, true)
    }
}

/// The task that makes a queue's calls.
///
/// Dropped before its end, with its runtime, it fails the updates that wait, and the next one starts another task.
pub(super) struct AddingTask {
    additions: Arc<Additions>,
    is_over: bool,
}

impl AddingTask {
    pub(super) fn new(additions: &Arc<Additions>) -> Self {
        Self {
            additions: Arc::clone(additions),
            is_over: false,
        }
    }

    /// The updates of the next call, without those whose caller is gone. `None` if there are none, which ends the task.
    pub(super) fn next_call(&mut self) -> Option<Vec<WaitingAddition>> {
        let mut state = self.additions.state();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = state.waiting.front()
            && batch.len() < MOST
        {
            if next.answer.is_closed() {
                state.waiting.pop_front();
                continue;
            }
            bytes += next.addition.json.len();
            if bytes > MOST_BYTES && !batch.is_empty() {
                break;
            }
            batch.extend(state.waiting.pop_front());
        }
        self.is_over = batch.is_empty();
        state.has_task = !self.is_over;
        state.has_task.then_some(batch)
    }
}

impl Drop for AddingTask {
    fn drop(&mut self) {
        if !self.is_over {
            let mut state = self.additions.state();
            state.has_task = false;
            state.waiting.clear();
        }
    }
}

impl Addition {
    /// The name by which Redis remembers the update.
    pub(super) fn seen(&self) -> String {
        format!("{}:{}", self.bot, self.update_id)
    }
}
