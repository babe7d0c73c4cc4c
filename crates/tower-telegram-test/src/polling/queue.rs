//! The queue of updates for `getUpdates`, and the call that waits for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use crate::{
    bot_api::answer::Answer, clock::Clock, error::Error, webhook::pending_update::PendingUpdate,
};

/// How many updates wait at most.
pub(crate) const MAX_UPDATES: usize = 100_000;
/// The size of all waiting updates, in bytes of their JSON.
const MAX_BYTES: usize = 128 << 20;
/// The size in bytes at which a response ends before the next update.
const MAX_ANSWER: usize = 4 << 20;
/// An offset that is further beyond the last update than this is ignored.
const MAX_AHEAD: u64 = 10;
/// How long after a 409 further ones are delayed, and the delay.
const CONFLICT_PAUSE: Duration = Duration::from_secs(3);

/// The updates that wait for `getUpdates`.
#[derive(Debug)]
pub(crate) struct PollQueue {
    max_updates: usize,
    max_bytes: usize,
    clock: Clock,
    inner: Mutex<PollQueueState>,
    /// The lowest unconfirmed ID.
    confirmed: watch::Sender<u64>,
    /// The IDs of the last updates that a webhook accepted. No other lock is taken while this one is held.
    taken: Mutex<BTreeSet<u64>>,
}

/// The queue behind the lock.
#[derive(Debug)]
struct PollQueueState {
    updates: BTreeMap<u64, PendingUpdate>,
    bytes: usize,
    next_id: u64,
    /// The call that waits for updates.
    poll: Option<oneshot::Sender<Woken>>,
    /// The earliest time of a 409 without delay.
    next_conflict_at: Option<Instant>,
    /// The offset and time of the last call.
    last_poll: Option<(i64, Instant)>,
}

/// The end of a wait in `getUpdates`: an answer if the call was ended, `None` if there are updates.
pub(crate) type Woken = Option<Answer>;

impl PollQueue {
    pub(crate) fn new(first_id: u64, clock: Clock) -> Self {
        Self::bounded(first_id, clock, MAX_UPDATES, MAX_BYTES)
    }

    fn bounded(first_id: u64, clock: Clock, max_updates: usize, max_bytes: usize) -> Self {
        let inner = PollQueueState {
            updates: BTreeMap::new(),
            bytes: 0,
            next_id: first_id,
            poll: None,
            next_conflict_at: None,
            last_poll: None,
        };
        Self {
            max_updates,
            max_bytes,
            clock,
            inner: Mutex::new(inner),
            confirmed: watch::Sender::new(0),
            taken: Mutex::default(),
        }
    }

    /// Takes the next ID.
    pub(crate) fn next_update_id(&self) -> u64 {
        let mut inner = self.lock();
        inner.next_id += 1;
        inner.next_id - 1
    }

    /// How many updates wait.
    pub(crate) fn len(&self) -> usize {
        let mut inner = self.lock();
        inner.forget(self.clock.now());
        inner.updates.len()
    }

    /// Checks an update, and gives it the next ID if it has none.
    pub(crate) fn prepare(&self, update: &Map<String, Value>) -> Result<PendingUpdate, Error> {
        let mut inner = self.lock();
        let id = match update.get("update_id") {
            None => inner.next_id,
            Some(id) => id.as_u64().ok_or(Error::NotAnUpdate)?,
        };
        if id < *self.confirmed.borrow() {
            return Err(Error::AlreadyConfirmed { update_id: id });
        }
        let pending = PendingUpdate::new(id, update, self.clock.now())?;
        if inner.updates.len() >= self.max_updates
            || inner.bytes + pending.json.len() > self.max_bytes
        {
            return Err(Error::QueueFull);
        }
        inner.next_id = inner.next_id.max(id.saturating_add(1));
        Ok(pending)
    }

    /// Adds an update, and wakes the waiting call.
    pub(crate) fn push(&self, pending: PendingUpdate) {
        let mut inner = self.lock();
        inner.insert(pending);
        if let Some(poll) = inner.poll.take() {
            // An error means that the call has just stopped waiting.
            poll.send(None).ok();
        }
    }

    /// Takes out all updates.
    pub(crate) fn take_all(&self) -> impl Iterator<Item = PendingUpdate> + use<> {
        let mut inner = self.lock();
        inner.bytes = 0;
        std::mem::take(&mut inner.updates).into_values()
    }

    /// Takes updates back that a webhook hasn't accepted, except for those that were confirmed before it
    /// was set.
    pub(crate) fn restore(&self, updates: impl IntoIterator<Item = PendingUpdate>) {
        let mut inner = self.lock();
        let confirmed = *self.confirmed.borrow();
        for pending in updates {
            if pending.id >= confirmed {
                inner.insert(pending);
            }
        }
    }

    /// Records that a webhook has accepted the update.
    pub(crate) fn record_taken(&self, id: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(id);
        if taken.len() > MAX_UPDATES {
            taken.pop_first();
        }
        drop(taken);
        // Tasks that wait for a confirmation check again.
        self.confirmed.send_modify(|_| {});
    }

    /// Drops all updates.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        inner.updates.clear();
        inner.bytes = 0;
    }

    /// The first ID of a `getUpdates` call; all earlier ones are confirmed. A negative offset counts from
    /// the end.
    pub(crate) fn confirm(&self, offset: i64) -> u64 {
        let mut inner = self.lock();
        let distance = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
        let from = match u64::try_from(offset) {
            Ok(0) => return inner.head(),
            Ok(offset) if offset > inner.next_id.saturating_add(MAX_AHEAD) => return inner.head(),
            Ok(offset) => offset,
            Err(_) if distance >= inner.updates.len() => return inner.head(),
            Err(_) => {
                let first = inner.updates.keys().nth_back(distance - 1).copied();
                first.unwrap_or_else(|| inner.head())
            }
        };
        let kept = inner.updates.split_off(&from);
        let confirmed = std::mem::replace(&mut inner.updates, kept);
        inner.bytes -= confirmed
            .values()
            .map(|update| update.json.len())
            .sum::<usize>();
        self.confirmed
            .send_if_modified(|below| from > std::mem::replace(below, from.max(*below)));
        from
    }

    /// The result of a `getUpdates` call. `None` if there is no update.
    pub(crate) fn get(&self, from: u64, limit: usize) -> Option<String> {
        let mut inner = self.lock();
        inner.forget(self.clock.now());
        let mut left = MAX_ANSWER;
        let updates: Vec<_> = inner
            .updates
            .range(from..)
            .take(limit)
            .map_while(|(_, update)| {
                left = left.checked_sub(update.json.len())?;
                Some(String::from_utf8_lossy(&update.json))
            })
            .collect();
        (!updates.is_empty()).then(|| format!("[{}]", updates.join(",")))
    }

    /// Waits for updates in place of another waiting call, which ends.
    pub(crate) fn wait_for_updates(&self) -> oneshot::Receiver<Woken> {
        self.end_poll(
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        );
        let (sender, receiver) = oneshot::channel();
        self.lock().poll = Some(sender);
        receiver
    }

    /// Ends the waiting call, if there is one, with a 409.
    pub(crate) fn end_poll(&self, text: &str) {
        let mut inner = self.lock();
        if let Some(poll) = inner.poll.take().filter(|poll| !poll.is_closed()) {
            let answer = inner.conflict(text, self.clock.now());
            poll.send(Some(answer)).ok();
        }
    }

    /// A 409: at once, unless there has just been another.
    pub(crate) fn conflict(&self, text: &str) -> Answer {
        self.lock().conflict(text, self.clock.now())
    }

    /// The time since the last call, if it had the same offset.
    pub(crate) fn since_same(&self, offset: i64) -> Option<Duration> {
        let now = self.clock.now();
        let last = self.lock().last_poll.replace((offset, now));
        last.filter(|last| last.0 == offset)
            .map(|last| now - last.1)
    }

    /// Waits until `getUpdates` or a webhook has taken the update.
    pub(crate) async fn wait_until_confirmed(&self, id: u64) {
        let is_taken = || {
            let taken = self.taken.lock();
            taken.unwrap_or_else(PoisonError::into_inner).contains(&id)
        };
        // The sender is in `self`, so the channel is open.
        self.confirmed
            .subscribe()
            .wait_for(|below| id < *below || is_taken())
            .await
            .ok();
    }

    fn lock(&self) -> MutexGuard<'_, PollQueueState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PollQueueState {
    /// The ID of the first update in the queue, or of the next one.
    fn head(&self) -> u64 {
        self.updates
            .first_key_value()
            .map_or(self.next_id, |(id, _)| *id)
    }

    /// Drops expired updates.
    fn forget(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.updates.retain(|_, update| {
            let is_over = update.is_over(now);
            *bytes -= if is_over { update.json.len() } else { 0 };
            !is_over
        });
    }

    /// Inserts an update, in place of one with the same ID.
    fn insert(&mut self, pending: PendingUpdate) {
        self.bytes += pending.json.len();
        if let Some(replaced) = self.updates.insert(pending.id, pending) {
            self.bytes -= replaced.json.len();
        }
    }

    /// The answer with a 409, which is delayed if there has just been another.
    fn conflict(&mut self, text: &str, now: Instant) -> Answer {
        let answer = Answer::error(409, text);
        if self.next_conflict_at.is_some_and(|at| now < at) {
            return answer.delayed_by(CONFLICT_PAUSE);
        }
        self.next_conflict_at = Some(now + CONFLICT_PAUSE);
        answer
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{json, webhook::pending_update::MAX_UPDATE};

    fn queue(ids: impl IntoIterator<Item = u64>) -> PollQueue {
        let queue = PollQueue::new(1, Clock::default());
        for id in ids {
            push(&queue, id).unwrap();
        }
        queue
    }

    fn push(queue: &PollQueue, id: u64) -> Result<u64, Error> {
        let update = json!({"update_id": id, "poll": {}});
        queue.push(queue.prepare(update.as_object().unwrap())?);
        Ok(id)
    }

    fn ids(queue: &PollQueue, from: u64, limit: usize) -> Vec<u64> {
        let json = queue.get(from, limit).unwrap_or_else(|| "[]".to_owned());
        let updates: Vec<Value> = serde_json::from_str(&json).unwrap();
        updates
            .iter()
            .map(|update| update["update_id"].as_u64().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn an_offset_confirms_what_lies_below_it() {
        for (offset, expected) in [
            (0, vec![1, 2, 3, 4]),
            (1, vec![1, 2, 3, 4]),
            (3, vec![3, 4]),
            (5, vec![]),
            (15, vec![]),
            (16, vec![1, 2, 3, 4]),
            (-1, vec![4]),
            (-3, vec![2, 3, 4]),
            (-9, vec![1, 2, 3, 4]),
            (i64::MIN, vec![1, 2, 3, 4]),
        ] {
            let queue = queue(1..=4);
            let from = queue.confirm(offset);
            assert_eq!(ids(&queue, from, 100), expected, "{offset}");
            assert_eq!(queue.len(), expected.len(), "{offset}");
        }
    }

    #[tokio::test]
    async fn updates_come_in_the_order_of_their_ids_and_as_written_for_webhooks() {
        let queue = queue([9, 7, 8, 7]);
        assert_eq!(ids(&queue, 0, 2), [7, 8]);
        assert_eq!(
            queue.get(9, 1).unwrap(),
            "[{\"update_id\":9,\n\"poll\":{}}]"
        );
        assert_eq!(queue.next_update_id(), 10);
    }

    #[tokio::test]
    async fn an_answer_has_at_most_4_mib() {
        let queue = PollQueue::new(1, Clock::default());
        let long = json!({"poll": "a".repeat(MAX_UPDATE - 100)});
        for _ in 0..10 {
            queue.push(queue.prepare(long.as_object().unwrap()).unwrap());
        }
        assert_eq!(ids(&queue, 1, 100), (1..=8).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn the_queue_is_bounded_in_number_and_in_bytes() {
        let queue = PollQueue::bounded(1, Clock::default(), 2, usize::MAX);
        assert!(push(&queue, 1).is_ok() && push(&queue, 2).is_ok());
        assert!(matches!(push(&queue, 3), Err(Error::QueueFull)));
        queue.confirm(2);
        assert!(push(&queue, 3).is_ok(), "there is room again");

        let size = json::update(1, json!({"poll": {}}).as_object().unwrap()).len();
        let queue = PollQueue::bounded(1, Clock::default(), 100, 2 * size + 1);
        assert!(push(&queue, 1).is_ok() && push(&queue, 2).is_ok());
        assert!(matches!(push(&queue, 3), Err(Error::QueueFull)));
        queue.clear();
        assert!(push(&queue, 3).is_ok(), "there is room again");
        let too_long = json!({"poll": "a".repeat(MAX_UPDATE)});
        assert!(matches!(
            queue.prepare(too_long.as_object().unwrap()),
            Err(Error::UpdateTooLarge { .. })
        ));
    }

    #[tokio::test]
    async fn a_confirmed_update_is_not_returned_again() {
        let queue = queue(1..=4);
        queue.confirm(3);
        assert!(matches!(
            push(&queue, 2),
            Err(Error::AlreadyConfirmed { update_id: 2 })
        ));
        queue.confirm(1);
        assert!(
            push(&queue, 2).is_err(),
            "a lower offset takes nothing back"
        );
    }
}
