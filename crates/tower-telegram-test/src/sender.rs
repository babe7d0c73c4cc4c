//! The queues of updates for the webhook: which update is sent next, and when.

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
    call::Call,
    error::{Exchange, Outcome},
    faults::Chance,
    pending_update::{PendingUpdate, QueueId},
    session::WebhookSession,
};

/// An update on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) pending: PendingUpdate,
    pub(super) backoff: ResendBackoff,
    /// How often it was sent.
    pub(super) sent: u64,
    /// Whether the bot took it once, and it is sent again.
    pub(super) is_repeated: bool,
    /// What the bot replied when it took it.
    pub(super) reply: Option<Call>,
    /// Whether one that came after it was sent before it.
    is_overtaken: bool,
    watch: Option<Watch>,
    /// How often all updates had been dropped when it came.
    epoch: u64,
}

/// Somebody waits for an update's end.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) attempts: Vec<Attempt>,
    pub(super) max_attempts: usize,
    pub(super) end: oneshot::Sender<Exchange>,
}

impl Delivery {
    pub(super) fn new(pending: PendingUpdate, watch: Option<Watch>) -> Self {
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

    /// Writes an attempt down for the one who waits, if there is one.
    pub(super) fn note(&mut self, attempt: Attempt) {
        if let Some(watch) = &mut self.watch {
            watch.attempts.push(attempt);
        }
    }

    /// Whether it has had all its attempts.
    pub(super) fn has_given_up(&self) -> bool {
        let watch = self.watch.as_ref();
        watch.is_some_and(|watch| watch.attempts.len() >= watch.max_attempts)
    }

    /// Tells the one who waits, if there is one, how it ended.
    pub(super) fn end(self, outcome: Outcome) -> PendingUpdate {
        if let Some(watch) = self.watch {
            let exchange = Exchange {
                update_id: self.pending.id,
                attempts: watch.attempts,
                reply: self.reply,
                outcome,
            };
            // An error means that nobody waits any more.
            watch.end.send(exchange).ok();
        }
        self.pending
    }
}

#[derive(Debug, Default)]
pub(super) struct Sender {
    inner: Mutex<SenderState>,
    pub(super) changed: Notify,
}

#[derive(Debug, Default)]
struct SenderState {
    /// Those that aren't looked at yet, in their order.
    backlog: VecDeque<Delivery>,
    queues: HashMap<QueueId, OrderedQueue>,
    under_way: usize,
    epoch: u64,
}

/// The updates that have to be sent one after the other.
#[derive(Debug)]
struct OrderedQueue {
    waiting: VecDeque<Delivery>,
    ready_at: Instant,
    /// Whether the one before those that wait is under way.
    is_busy: bool,
}

impl Sender {
    /// How many updates there are, those under way included.
    pub(super) fn len(&self) -> usize {
        let inner = self.lock();
        let waiting = inner.queues.values().map(|queue| queue.waiting.len());
        inner.under_way + inner.backlog.len() + waiting.sum::<usize>()
    }

    pub(super) fn push(&self, mut delivery: Delivery) {
        let mut inner = self.lock();
        delivery.epoch = inner.epoch;
        inner.backlog.push_back(delivery);
        drop(inner);
        self.changed.notify_one();
    }

    /// The next one to send to that webhook, or when to ask again if nothing changes before. Its queue waits
    /// until it is [`done`](Self::done) or [`put_back`](Self::put_back).
    pub(super) fn next(
        &self,
        session: &WebhookSession,
        now: Instant,
        chance: &Chance,
    ) -> Result<Delivery, Option<Instant>> {
        let mut inner = self.lock();
        let max_connections = session.max_connections();
        inner.load(max_connections.saturating_mul(2), now);
        // The one that has waited longest, and of several the oldest.
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

    /// An update that was sent is over with.
    pub(super) fn done(&self, queue: QueueId, now: Instant) {
        let mut inner = self.lock();
        inner.free(queue, now);
        drop(inner);
        self.changed.notify_one();
    }

    /// An update that was sent comes again, before those behind it.
    pub(super) fn put_back(&self, delivery: Delivery, ready_at: Instant) {
        let mut inner = self.lock();
        let id = delivery.pending.queue;
        if let Some(queue) = inner.queues.get_mut(&id) {
            queue.waiting.push_front(delivery);
        }
        inner.free(id, ready_at);
        drop(inner);
        self.changed.notify_one();
    }

    /// Whether all updates were dropped since it came.
    pub(super) fn is_dropped(&self, delivery: &Delivery) -> bool {
        delivery.epoch < self.lock().epoch
    }

    /// Takes out all that wait, in the order of their ids.
    pub(super) fn take_all(&self) -> Vec<Delivery> {
        let mut inner = self.lock();
        let mut all: Vec<_> = inner.backlog.drain(..).collect();
        for queue in inner.queues.values_mut() {
            all.extend(queue.waiting.drain(..));
        }
        inner.queues.retain(|_, queue| queue.is_busy);
        all.sort_by_key(|delivery| delivery.pending.id);
        all
    }

    /// From now on what is under way isn't sent again.
    pub(super) fn drop_all(&self) -> Vec<Delivery> {
        let all = self.take_all();
        self.lock().epoch += 1;
        all
    }

    /// There is another webhook: all that wait are tried at once, as if for the first time.
    pub(super) fn restart(&self, now: Instant) {
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

    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.lock().under_way
    }

    fn lock(&self) -> MutexGuard<'_, SenderState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SenderState {
    /// Sorts the backlog into queues, up to the first update that would be one queue too many.
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
