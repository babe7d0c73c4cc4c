//! The updates that are being handled in this process, and the requests that wait for their responses.
//!
//! Tokio-util's `CancellationToken` and `TaskTracker` would do for `closed`, `idle` and `cancel`, but
//! the model checker schedules only locks and tasks that this crate makes itself, and this is the file
//! that it is there for.

use std::{
    collections::hash_map::Entry as MapEntry,
    future::Future,
    pin::Pin,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;
use tokio::sync::{Notify, futures::OwnedNotified, oneshot};

use super::store::DeliveryKey;
use crate::{
    task::shrinking_map::ShrinkingMap,
    task::sync::{Mutex, MutexGuard},
    webhook::{ReplyBody, detached_work::DetachedWork, early_ack::EarlyAck},
};

/// Boxed, because many futures pass it on.
pub(super) type BoxedResponse = Box<Response<ReplyBody>>;
pub(super) type Waiter = oneshot::Sender<BoxedResponse>;

#[derive(Debug)]
pub(super) struct InFlight {
    running: Mutex<ShrinkingMap<DeliveryKey, Entry>>,
    max: AtomicUsize,
    closed: AtomicBool,
    /// Notified when the last update is complete.
    idle: Notify,
    /// How many updates have a guard, or are releasing their claims.
    guarded: AtomicUsize,
    is_cancelled: AtomicBool,
    /// Notified when the running updates are cancelled.
    cancel: Arc<Notify>,
    /// The work that goes on after responses.
    pub(super) detached: Arc<DetachedWork>,
}

/// One update that is being handled.
#[derive(Debug)]
struct Entry {
    /// Whether the first request is still connected. It polls the handler itself, so it needs no channel.
    first_waits: bool,
    /// The later requests; mostly none.
    joined: Vec<Waiter>,
    /// The early acknowledgements of its requests.
    acks: Vec<EarlyAck>,
    /// Whether its reply is being recorded, so that it is too late to acknowledge anything early.
    is_recorded: bool,
}

/// The result of [`InFlight::join_or_start`].
pub(super) enum Joined {
    /// The update is being handled, and its response will come.
    Running(oneshot::Receiver<BoxedResponse>),
    /// The caller has to handle the update.
    First,
    /// Too many updates are running.
    Full,
    /// No new updates are accepted.
    Closed,
}

impl InFlight {
    pub(super) fn new(max: usize) -> Self {
        Self {
            running: Mutex::default(),
            max: AtomicUsize::new(max),
            closed: AtomicBool::new(false),
            idle: Notify::new(),
            guarded: AtomicUsize::new(0),
            is_cancelled: AtomicBool::new(false),
            cancel: Arc::default(),
            detached: Arc::default(),
        }
    }

    pub(super) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    fn running(&self) -> MutexGuard<'_, ShrinkingMap<DeliveryKey, Entry>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn join_or_start(&self, key: DeliveryKey, ack: Option<&EarlyAck>) -> Joined {
        let mut running = self.running();
        let count = running.len();
        let place = match running.entry(key) {
            MapEntry::Occupied(mut entry) => return Joined::Running(entry.get_mut().join(ack)),
            MapEntry::Vacant(place) => place,
        };
        // Read under the lock, so that no update begins after it is closed. Telegram doesn't send an acknowledged one
        // again, so this process has to end it.
        let is_acknowledged = || ack.is_some_and(EarlyAck::is_acknowledged);
        if self.closed.load(Ordering::Relaxed) && !is_acknowledged() {
            return Joined::Closed;
        }
        if count >= self.max.load(Ordering::Relaxed) {
            return Joined::Full;
        }
        place.insert(Entry {
            first_waits: true,
            joined: Vec::new(),
            acks: ack.cloned().into_iter().collect(),
            // Without an early acknowledgement the reply can only be recorded.
            is_recorded: ack.is_none(),
        });
        Joined::First
    }

    /// Records that the first request was dropped.
    pub(super) fn first_left(&self, key: DeliveryKey) {
        // It may have been cancelled.
        if let Some(entry) = self.running().get_mut(&key) {
            entry.first_waits = false;
        }
    }

    /// Keeps requests from being acknowledged early, so that the reply can be recorded for redeliveries. `false` if one of
    /// them was acknowledged already: the client then sends the reply, and a redelivery would send it again.
    pub(super) fn claim_reply(&self, key: DeliveryKey) -> bool {
        let mut running = self.running();
        let Some(entry) = running.get_mut(&key) else {
            return true;
        };
        entry.is_recorded = true;
        // Each is asked, so that none is acknowledged from here on.
        let sent_by_client = entry.acks.iter().filter(|ack| !ack.forbid()).count();
        sent_by_client == 0
    }

    /// Completes an update whose only request is the first, if that is still connected: it has the response.
    pub(super) fn complete_if_sole(&self, key: DeliveryKey) -> bool {
        let mut running = self.running();
        let alone =
            running.remove_copied_if(key, |entry| entry.first_waits && entry.joined.is_empty());
        if alone.is_some() {
            self.notify_if_drained(&running);
        }
        alone.is_some()
    }

    /// Completes an update: the last request that still waits gets the response, and those before it get one made
    /// by `rest`. Returns the response of the first request, if that is still connected.
    pub(super) fn complete(
        &self,
        key: DeliveryKey,
        mut answer: BoxedResponse,
        rest: impl Fn() -> BoxedResponse,
    ) -> Option<BoxedResponse> {
        let mut running = self.running();
        // Gone if it was cancelled.
        let Entry {
            first_waits,
            mut joined,
            ..
        } = running.remove(&key)?;
        self.notify_if_drained(&running);
        drop(running);
        while let Some(waiter) = joined.pop() {
            match waiter.send(answer) {
                Ok(()) => {
                    for waiter in joined {
                        // A request that is gone needs no response.
                        drop(waiter.send(rest()));
                    }
                    return first_waits.then(rest);
                }
                Err(back) => answer = back,
            }
        }
        first_waits.then_some(answer)
    }

    /// Ends an update without a response, which the requests that wait are notified of.
    pub(super) fn remove(&self, key: DeliveryKey) {
        let mut running = self.running();
        let entry = running.remove(&key);
        self.notify_if_drained(&running);
        drop(running);
        drop(entry);
    }

    fn notify_if_drained(&self, running: &ShrinkingMap<DeliveryKey, Entry>) {
        if running.is_empty() && self.closed.load(Ordering::Relaxed) {
            self.idle.notify_waiters();
        }
    }

    /// Accepts no new updates. A request for a running one still joins it.
    pub(super) fn close(&self) {
        let running = self.running();
        self.closed.store(true, Ordering::Relaxed);
        self.notify_if_drained(&running);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.running().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running().is_empty()
    }

    /// How many updates run, or have work that goes on after their responses.
    pub(super) fn count_with_detached(&self) -> usize {
        let mut detached = self.detached.keys();
        detached.sort_unstable();
        detached.dedup();
        let running = self.running();
        detached.retain(|key| running.get(key).is_none());
        running.len() + detached.len()
    }

    pub(super) fn waiting(&self) -> usize {
        let running = self.running();
        running.values().map(Entry::waiting).sum()
    }

    /// Waits until no update runs, after it was closed.
    pub(super) async fn drained(&self) {
        loop {
            let mut idle = std::pin::pin!(self.idle.notified());
            // It listens before it looks, so that no notification is missed in between.
            idle.as_mut().enable();
            if self.running().is_empty() {
                return;
            }
            idle.await;
        }
    }

    /// Cancels the running updates and returns their keys. It was closed before.
    pub(super) fn cancel_all(&self) -> Vec<DeliveryKey> {
        let in_flight = std::mem::take(&mut *self.running());
        self.is_cancelled.store(true, Ordering::Release);
        self.cancel.notify_waiters();
        let mut keys: Vec<_> = in_flight.into_keys().collect();
        keys.sort_unstable();
        keys
    }

    pub(super) fn guard_begins(&self) {
        self.guarded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn guard_ends(&self) {
        // Only a shutdown that has cancelled updates waits for it.
        if self.guarded.fetch_sub(1, Ordering::AcqRel) == 1 && self.is_cancelled() {
            self.idle.notify_waiters();
        }
    }

    /// Waits until the claims of the cancelled updates are released.
    pub(super) async fn claims_given_back(&self) {
        loop {
            let mut idle = std::pin::pin!(self.idle.notified());
            // It listens before it looks, so that no notification is missed in between.
            idle.as_mut().enable();
            if self.guarded.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Resolves to the update's result, or to `None` if it is cancelled before.
    pub(super) fn run_until_cancelled<F>(self: Arc<Self>, update: F) -> RunUntilCancelled<F> {
        RunUntilCancelled {
            update,
            in_flight: self,
            cancel: None,
        }
    }
}

pin_project! {
    /// A running update that resolves to `None` when the running updates are cancelled.
    pub(super) struct RunUntilCancelled<F> {
        #[pin]
        update: F,
        in_flight: Arc<InFlight>,
        // Made when the update is first pending, because most never are.
        #[pin]
        cancel: Option<OwnedNotified>,
    }
}

impl<F, T> Future for RunUntilCancelled<F>
where
    F: Future<Output = Option<T>>,
{
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut this = self.project();
        if this.in_flight.is_cancelled() {
            return Poll::Ready(None);
        }
        let polled = this.update.poll(cx);
        if polled.is_ready() {
            return polled;
        }
        if this.cancel.is_none() {
            let cancel = Arc::clone(&this.in_flight.cancel).notified_owned();
            this.cancel.set(Some(cancel));
            // It listens before it looks, so that no notification is missed in between.
            if this.in_flight.is_cancelled() {
                return Poll::Ready(None);
            }
        }
        match this.cancel.as_pin_mut() {
            Some(cancel) => cancel.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    }
}

impl Entry {
    fn join(&mut self, ack: Option<&EarlyAck>) -> oneshot::Receiver<BoxedResponse> {
        if let Some(ack) = ack {
            if self.is_recorded {
                ack.forbid();
            }
            self.acks.push(ack.clone());
        }
        let (waiter, answer) = oneshot::channel();
        // A request that was dropped needs no place.
        self.joined.retain(|waiter| !waiter.is_closed());
        self.joined.push(waiter);
        answer
    }

    fn waiting(&self) -> usize {
        let joined = self.joined.iter().filter(|waiter| !waiter.is_closed());
        usize::from(self.first_waits) + joined.count()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    const KEY: DeliveryKey = DeliveryKey {
        bot: None,
        update_id: 1,
    };

    fn answer(status: StatusCode) -> BoxedResponse {
        let mut answer = BoxedResponse::default();
        *answer.status_mut() = status;
        answer
    }

    fn complete(in_flight: &InFlight) -> Option<BoxedResponse> {
        in_flight.complete(KEY, answer(StatusCode::ACCEPTED), BoxedResponse::default)
    }

    fn join(in_flight: &InFlight) -> oneshot::Receiver<BoxedResponse> {
        match in_flight.join_or_start(KEY, None) {
            Joined::Running(answer) => answer,
            _ => panic!("it runs"),
        }
    }

    #[test]
    fn d2_the_last_request_that_still_waits_gets_the_response() {
        let in_flight = InFlight::new(9);
        assert!(matches!(in_flight.join_or_start(KEY, None), Joined::First));
        let (mut second, mut third) = (join(&in_flight), join(&in_flight));
        let fourth = join(&in_flight);
        drop(fourth);
        assert_eq!(in_flight.waiting(), 3);
        assert!(!in_flight.complete_if_sole(KEY), "others wait");
        let first = complete(&in_flight).expect("it waits");
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(second.try_recv().unwrap().status(), StatusCode::OK);
        assert_eq!(third.try_recv().unwrap().status(), StatusCode::ACCEPTED);
        assert_eq!(in_flight.len(), 0);
    }

    #[test]
    fn d2_where_all_later_requests_hung_up_the_first_gets_the_response() {
        let in_flight = InFlight::new(9);
        assert!(matches!(in_flight.join_or_start(KEY, None), Joined::First));
        drop(join(&in_flight));
        assert!(!in_flight.complete_if_sole(KEY), "another had joined");
        let first = complete(&in_flight).expect("it waits");
        assert_eq!(first.status(), StatusCode::ACCEPTED);
        assert_eq!(in_flight.len(), 0);
    }

    #[test]
    fn d3_without_a_request_that_waits_it_ends_without_a_response() {
        let in_flight = InFlight::new(9);
        assert!(matches!(in_flight.join_or_start(KEY, None), Joined::First));
        in_flight.first_left(KEY);
        assert!(!in_flight.complete_if_sole(KEY), "it left");
        assert!(complete(&in_flight).is_none());
        assert_eq!(in_flight.len(), 0);
    }

    #[test]
    fn d16_the_reply_is_recorded_unless_the_client_sends_it() {
        for (first, second, expected) in [
            (false, false, true),
            (true, false, false),
            (false, true, false),
        ] {
            let in_flight = InFlight::new(9);
            let acks = [EarlyAck::default(), EarlyAck::default()];
            let start = in_flight.join_or_start(KEY, Some(&acks[0]));
            assert!(matches!(start, Joined::First));
            let joined = in_flight.join_or_start(KEY, Some(&acks[1]));
            assert!(matches!(joined, Joined::Running(_)));
            assert!(!first || acks[0].acknowledge());
            assert!(!second || acks[1].acknowledge());
            assert_eq!(in_flight.claim_reply(KEY), expected);
            let late = EarlyAck::default();
            let joined = in_flight.join_or_start(KEY, Some(&late));
            assert!(matches!(joined, Joined::Running(_)));
            assert!(!late.acknowledge(), "the reply is being recorded");
            assert!(first || !acks[0].acknowledge());
        }
    }

    #[test]
    fn d9_d10_too_many_and_too_late_are_rejected_but_may_join() {
        let in_flight = InFlight::new(1);
        assert!(matches!(in_flight.join_or_start(KEY, None), Joined::First));
        let other = DeliveryKey {
            update_id: 2,
            ..KEY
        };
        assert!(matches!(in_flight.join_or_start(other, None), Joined::Full));
        in_flight.close();
        assert!(matches!(
            in_flight.join_or_start(other, None),
            Joined::Closed
        ));
        assert!(matches!(
            in_flight.join_or_start(KEY, None),
            Joined::Running(_)
        ));
        assert!(!in_flight.is_cancelled());
        assert_eq!(in_flight.cancel_all(), [KEY]);
        assert!(in_flight.is_cancelled());
    }

    #[test]
    fn d10_the_last_to_complete_ends_the_wait() {
        let other = DeliveryKey {
            update_id: 2,
            ..KEY
        };
        let ends: [fn(&InFlight); 3] = [
            |in_flight| assert!(in_flight.complete_if_sole(KEY)),
            |in_flight| drop(complete(in_flight)),
            |in_flight| in_flight.remove(KEY),
        ];
        for end in ends {
            let in_flight = InFlight::new(9);
            assert!(matches!(in_flight.join_or_start(KEY, None), Joined::First));
            assert!(matches!(
                in_flight.join_or_start(other, None),
                Joined::First
            ));
            let mut all = tokio_test::task::spawn(in_flight.drained());
            in_flight.close();
            assert!(all.poll().is_pending());
            in_flight.remove(other);
            assert!(all.poll().is_pending(), "one runs");
            end(&in_flight);
            assert!(all.is_woken());
            assert!(all.poll().is_ready());
        }
    }
}
