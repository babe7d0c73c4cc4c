//! The queues of updates for the webhook: the order in which updates are sent, and their retries.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use super::{
    attempt::Attempt,
    backoff::ResendBackoff,
    pending_update::{PendingUpdate, QueueId},
    session::WebhookSession,
};
use crate::{
    bot_api::call::Call,
    error::{Exchange, ExchangeOutcome},
    faults::Chance,
};

/// An update that is being delivered to the webhook.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) pending: PendingUpdate,
    pub(crate) backoff: ResendBackoff,
    /// How many times it was sent.
    pub(crate) sent: u64,
    /// Whether the bot has accepted it once, and it is sent again.
    pub(crate) is_repeated: bool,
    /// The method in the bot's response.
    pub(crate) reply: Option<Call>,
    /// Whether a later update was sent first.
    is_overtaken: bool,
    watch: Option<Watch>,
    /// How many times all updates had been dropped when it was queued.
    epoch: u64,
}

/// A test that waits for the outcome of a delivery.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) max_attempts: usize,
    pub(crate) end: oneshot::Sender<Exchange>,
}

impl Delivery {
    pub(crate) fn new(pending: PendingUpdate, watch: Option<Watch>) -> Self {
        Self {
            pending,
            backoff: ResendBackoff::default(),
            sent: 0,
            is_repeated: false,
            reply: None,
            is_overtaken: false,
            watch,
            epoch: 0,
        }
    }

    /// Adds an attempt for the waiting test, if there is one.
    pub(crate) fn record(&mut self, attempt: Attempt) {
        if let Some(watch) = &mut self.watch {
            watch.attempts.push(attempt);
        }
    }

    /// Whether it has had all its attempts.
    pub(crate) fn has_no_attempts_left(&self) -> bool {
        let watch = self.watch.as_ref();
        watch.is_some_and(|watch| watch.attempts.len() >= watch.max_attempts)
    }

    /// Ends the delivery, and sends its outcome to the waiting test.
    pub(crate) fn end(self, outcome: ExchangeOutcome) -> PendingUpdate {
        if let Some(watch) = self.watch {
            let exchange = Exchange {
                update_id: self.pending.id,
                attempts: watch.attempts,
                reply: self.reply,
                outcome,
            };
            // An error means that the test no longer waits.
            watch.end.send(exchange).ok();
        }
        self.pending
    }
}

/// The updates for the webhook, and a signal that they have changed.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    inner: Mutex<SenderState>,
    /// Notified when an update can be sent that couldn't be before.
    pub(crate) changed: Notify,
}

/// The queues behind the lock.
#[derive(Debug, Default)]
struct SenderState {
    /// Updates that aren't in a queue yet, oldest first.
    backlog: VecDeque<Delivery>,
    /// The queues that have updates.
    queues: HashMap<QueueId, OrderedQueue>,
    /// How many updates are being sent.
    under_way: usize,
    /// How many times all updates have been dropped.
    epoch: u64,
}

/// Updates that are sent one after the other.
#[derive(Debug)]
struct OrderedQueue {
    waiting: VecDeque<Delivery>,
    /// The time of the next attempt.
    ready_at: Instant,
    /// Whether an update of the queue is being sent.
    is_busy: bool,
}

impl Sender {
    /// How many updates there are, including those being sent.
    pub(crate) fn len(&self) -> usize {
        let inner = self.lock();
        let waiting = inner.queues.values().map(|queue| queue.waiting.len());
        inner.under_way + inner.backlog.len() + waiting.sum::<usize>()
    }

    /// Adds an update at the end of its queue.
    pub(crate) fn push(&self, mut delivery: Delivery) {
        let mut inner = self.lock();
        delivery.epoch = inner.epoch;
        inner.backlog.push_back(delivery);
        drop(inner);
        self.changed.notify_one();
    }

    /// The next update to send, or the time to ask again if no update changes. Its queue waits until
    /// [`done`](Self::done) or [`put_back`](Self::put_back) is called.
    pub(crate) fn next(
        &self,
        session: &WebhookSession,
        now: Instant,
        chance: &Chance,
    ) -> Result<Delivery, Option<Instant>> {
        let mut inner = self.lock();
        let max_connections = session.max_connections();
        inner.load(max_connections.saturating_mul(2), now);
        // The queue that has waited longest; among several, the one with the oldest update.
        let first = inner
            .queues
            .iter()
            .filter(|(_, queue)| !queue.is_busy)
            .filter_map(|(id, queue)| {
                Some((queue.ready_at, queue.waiting.front()?.pending.id, *id))
            })
            .min_by_key(|(ready_at, update_id, _)| (*ready_at, *update_id));
        let (ready_at, _, id) = first.ok_or(None)?;
        if inner.under_way >= max_connections {
            return Err(None);
        }
        if ready_at > now {
            return Err(Some(ready_at));
        }
        let wanted = inner.queues.len().min(max_connections);
        session.may_send(inner.under_way, wanted, now)?;
        inner.take(id, chance).ok_or(None)
    }

    /// Ends the delivery of an update that was sent.
    pub(crate) fn done(&self, queue: QueueId, now: Instant) {
        let mut inner = self.lock();
        inner.free(queue, now);
        drop(inner);
        self.changed.notify_one();
    }

    /// Puts an update back in front of its queue, to be sent again.
    pub(crate) fn put_back(&self, delivery: Delivery, ready_at: Instant) {
        let mut inner = self.lock();
        let id = delivery.pending.queue;
        if let Some(queue) = inner.queues.get_mut(&id) {
            queue.waiting.push_front(delivery);
        }
        inner.free(id, ready_at);
        drop(inner);
        self.changed.notify_one();
    }

    /// Whether all updates were dropped after this one was queued.
    pub(crate) fn is_dropped(&self, delivery: &Delivery) -> bool {
        delivery.epoch < self.lock().epoch
    }

    /// Takes out all waiting updates, in the order of their IDs.
    pub(crate) fn take_all(&self) -> Vec<Delivery> {
        let mut inner = self.lock();
        let mut all: Vec<_> = inner.backlog.drain(..).collect();
        for queue in inner.queues.values_mut() {
            all.extend(queue.waiting.drain(..));
        }
        inner.queues.retain(|_, queue| queue.is_busy);
        all.sort_by_key(|delivery| delivery.pending.id);
        all
    }

    /// Drops all updates. Those that are being sent won't be sent again.
    pub(crate) fn drop_all(&self) -> Vec<Delivery> {
        let all = self.take_all();
        self.lock().epoch += 1;
        all
    }

    /// Prepares for another webhook: all waiting updates are tried at once, without the pauses of earlier
    /// failures.
    pub(crate) fn restart(&self, now: Instant) {
        let mut inner = self.lock();
        for queue in inner.queues.values_mut() {
            queue.ready_at = now;
            for delivery in &mut queue.waiting {
                delivery.backoff = ResendBackoff::default();
            }
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// How many updates are being sent.
    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.lock().under_way
    }

    fn lock(&self) -> MutexGuard<'_, SenderState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SenderState {
    /// Sorts the backlog into queues, up to the first update that would need one queue too many.
    fn load(&mut self, max_queues: usize, now: Instant) {
        while let Some(delivery) = self.backlog.front() {
            let id = delivery.pending.queue;
            if self.queues.len() >= max_queues && !self.queues.contains_key(&id) {
                return;
            }
            let queue = self.queues.entry(id).or_insert_with(|| OrderedQueue {
                waiting: VecDeque::new(),
                ready_at: now,
                is_busy: false,
            });
            queue.waiting.extend(self.backlog.pop_front());
        }
    }

    /// Takes the next update out of a queue, or the one after it if a fault reorders them.
    fn take(&mut self, id: QueueId, chance: &Chance) -> Option<Delivery> {
        let queue = self.queues.get_mut(&id)?;
        let mut delivery = queue.waiting.pop_front()?;
        if !delivery.is_overtaken
            && chance.is_reordered(delivery.pending.id)
            && let Some(next) = queue.waiting.pop_front()
        {
            delivery.is_overtaken = true;
            queue.waiting.push_front(delivery);
            delivery = next;
        }
        queue.is_busy = true;
        self.under_way += 1;
        Some(delivery)
    }

    /// Lets a queue continue at that time, or removes it if it is empty.
    fn free(&mut self, id: QueueId, ready_at: Instant) {
        self.under_way -= 1;
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        queue.is_busy = false;
        queue.ready_at = ready_at;
        if queue.waiting.is_empty() {
            self.queues.remove(&id);
        }
    }
}
