//! The updates that are being handled in this process, and who waits for their answers.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;
use tokio::sync::{Notify, futures::OwnedNotified, oneshot};

use super::DeliveryKey;
use crate::{
    task::newest_map::NewestMap,
    task::sync::{Mutex, MutexGuard},
    webhook::ReplyBody,
};

/// Boxed, as it passes many hands.
pub(super) type Answer = Box<Response<ReplyBody>>;
pub(super) type Asker = oneshot::Sender<Answer>;

#[derive(Debug)]
pub(super) struct Flights {
    running: Mutex<NewestMap<DeliveryKey, Flight>>,
    max: usize,
    closed: AtomicBool,
    /// Told when the last one has landed.
    idle: Notify,
    is_cut_off: AtomicBool,
    /// Told when what runs is cut off.
    cut: Arc<Notify>,
}

/// One update that is being handled.
#[derive(Debug)]
struct Flight {
    /// Whether who asked first still waits. They have the handler, so that its answer needs no way
    /// to them.
    first_waits: bool,
    /// Who asked after them; mostly nobody.
    joined: Vec<Asker>,
}

/// What became of an answer.
pub(super) enum Landed {
    /// It was given to one asker.
    Given {
        /// What is left for who asked first, if they still wait.
        first: Option<Answer>,
    },
    /// Nobody waits. The flight goes on: there may be something to do before another asks.
    Unwanted(Answer),
}

/// What an asker finds.
pub(super) enum Boarding {
    /// The update is being handled, and the answer will come.
    Joined(oneshot::Receiver<Answer>),
    /// It is the asker's to handle.
    First,
    /// There are too many.
    Full,
    /// No more are taken.
    Closed,
}

impl Flights {
    pub(super) fn new(max: usize) -> Self {
        Self {
            running: Mutex::default(),
            max,
            closed: AtomicBool::new(false),
            idle: Notify::new(),
            is_cut_off: AtomicBool::new(false),
            cut: Arc::default(),
        }
    }

    fn running(&self) -> MutexGuard<'_, NewestMap<DeliveryKey, Flight>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn board(&self, key: DeliveryKey) -> Boarding {
        let mut running = self.running();
        if let Some(flight) = running.get_mut(&key) {
            return Boarding::Joined(flight.join());
        }
        // Looked at under the lock, so that nothing begins once it is closed.
        if self.closed.load(Ordering::Relaxed) {
            return Boarding::Closed;
        }
        if running.len() >= self.max {
            return Boarding::Full;
        }
        let flight = Flight {
            first_waits: true,
            joined: Vec::new(),
        };
        running.insert_new(key, flight);
        Boarding::First
    }

    /// Who asked first has hung up.
    pub(super) fn first_left(&self, key: DeliveryKey) {
        // It may have been cut off.
        if let Some(flight) = self.running().get_mut(&key) {
            flight.first_waits = false;
        }
    }

    /// Whether anybody waits for the answer.
    pub(super) fn is_awaited(&self, key: DeliveryKey) -> bool {
        let running = self.running();
        let flight = running.get(&key);
        flight.is_some_and(|flight| flight.waiting() > 0)
    }

    /// Ends it where nobody asked but the first, who still waits: the answer is theirs.
    pub(super) fn land_first(&self, key: DeliveryKey) -> bool {
        let mut running = self.running();
        let alone = running.remove_if(&key, |flight| {
            flight.first_waits && flight.joined.is_empty()
        });
        if alone.is_some() {
            self.landed(&running);
        }
        alone.is_some()
    }

    /// Gives the answer to who asked last and still waits, and what `rest` makes to all before.
    pub(super) fn land(
        &self,
        key: DeliveryKey,
        mut answer: Answer,
        rest: impl Fn() -> Answer,
    ) -> Landed {
        let mut running = self.running();
        let Some(flight) = running.get_mut(&key) else {
            // Cut off.
            return Landed::Given { first: None };
        };
        let first_waits = flight.first_waits;
        while let Some(asker) = flight.joined.pop() {
            match asker.send(answer) {
                Ok(()) => {
                    let before = std::mem::take(&mut flight.joined);
                    running.remove(&key);
                    self.landed(&running);
                    drop(running);
                    for asker in before {
                        // Gone, then.
                        drop(asker.send(rest()));
                    }
                    let first = first_waits.then(rest);
                    return Landed::Given { first };
                }
                Err(back) => answer = back,
            }
        }
        if !first_waits {
            return Landed::Unwanted(answer);
        }
        running.remove(&key);
        self.landed(&running);
        let first = Some(answer);
        Landed::Given { first }
    }

    /// Ends it, if nobody has asked in the meantime.
    pub(super) fn leave(&self, key: DeliveryKey) -> bool {
        let mut running = self.running();
        let flight = running.get(&key);
        if flight.is_some_and(|flight| !flight.joined.is_empty()) {
            return false;
        }
        running.remove(&key);
        self.landed(&running);
        true
    }

    /// Ends it without an answer; whoever waits sees that.
    pub(super) fn crash(&self, key: DeliveryKey) {
        let mut running = self.running();
        let flight = running.remove(&key);
        self.landed(&running);
        drop(running);
        drop(flight);
    }

    fn landed(&self, running: &NewestMap<DeliveryKey, Flight>) {
        if running.is_empty() && self.closed.load(Ordering::Relaxed) {
            self.idle.notify_waiters();
        }
    }

    /// Takes no more. Who asks for one that runs still joins it.
    pub(super) fn close(&self) {
        let running = self.running();
        self.closed.store(true, Ordering::Relaxed);
        self.landed(&running);
    }

    pub(super) fn len(&self) -> usize {
        self.running().len()
    }

    pub(super) fn waiting(&self) -> usize {
        let running = self.running();
        running.values().map(Flight::waiting).sum()
    }

    /// Waits until none is left, after it was closed.
    pub(super) async fn all_landed(&self) {
        loop {
            let mut idle = std::pin::pin!(self.idle.notified());
            // Listens before it looks, so that nothing is missed in between.
            idle.as_mut().enable();
            if self.running().is_empty() {
                return;
            }
            idle.await;
        }
    }

    /// Ends all that run, and says which they were. It was closed before.
    pub(super) fn cut_off(&self) -> Vec<DeliveryKey> {
        let flights = std::mem::take(&mut *self.running());
        self.is_cut_off.store(true, Ordering::Release);
        self.cut.notify_waiters();
        let mut keys: Vec<_> = flights.into_keys().collect();
        keys.sort_unstable_by_key(|key| (key.bot.0, key.update_id));
        keys
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.is_cut_off.load(Ordering::Acquire)
    }

    /// The flight's end; nothing if it is cut off before.
    pub(super) fn until_cut_off<F>(self: Arc<Self>, flight: F) -> UntilCutOff<F> {
        UntilCutOff {
            flight,
            flights: self,
            cut: None,
        }
    }
}

pin_project! {
    /// A flight that ends with nothing when all that run are cut off.
    pub(super) struct UntilCutOff<F> {
        #[pin]
        flight: F,
        flights: Arc<Flights>,
        // Nobody listens for the end before there is something to wait for.
        #[pin]
        cut: Option<OwnedNotified>,
    }
}

impl<F, T> Future for UntilCutOff<F>
where
    F: Future<Output = Option<T>>,
{
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut this = self.project();
        if this.flights.is_cut_off() {
            return Poll::Ready(None);
        }
        let polled = this.flight.poll(cx);
        if polled.is_ready() {
            return polled;
        }
        if this.cut.is_none() {
            let cut = Arc::clone(&this.flights.cut).notified_owned();
            this.cut.set(Some(cut));
            // It listens before it looks, so that nothing is missed in between.
            if this.flights.is_cut_off() {
                return Poll::Ready(None);
            }
        }
        match this.cut.as_pin_mut() {
            Some(cut) => cut.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    }
}

impl Flight {
    fn join(&mut self) -> oneshot::Receiver<Answer> {
        let (asker, answer) = oneshot::channel();
        // Whoever hung up needs no place.
        self.joined.retain(|asker| !asker.is_closed());
        self.joined.push(asker);
        answer
    }

    fn waiting(&self) -> usize {
        let joined = self.joined.iter().filter(|asker| !asker.is_closed());
        usize::from(self.first_waits) + joined.count()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::webhook::BotId;

    const KEY: DeliveryKey = DeliveryKey {
        bot: BotId(0),
        update_id: 1,
    };

    fn answer(status: StatusCode) -> Answer {
        let mut answer = Answer::default();
        *answer.status_mut() = status;
        answer
    }

    fn land(flights: &Flights) -> Landed {
        flights.land(KEY, answer(StatusCode::ACCEPTED), Answer::default)
    }

    fn join(flights: &Flights) -> oneshot::Receiver<Answer> {
        match flights.board(KEY) {
            Boarding::Joined(answer) => answer,
            _ => panic!("it runs"),
        }
    }

    #[test]
    fn d2_the_last_who_still_waits_has_the_answer() {
        let flights = Flights::new(9);
        assert!(matches!(flights.board(KEY), Boarding::First));
        let (mut second, mut third) = (join(&flights), join(&flights));
        let fourth = join(&flights);
        drop(fourth);
        assert_eq!(flights.waiting(), 3);
        assert!(!flights.land_first(KEY), "others wait");
        let Landed::Given { first: Some(first) } = land(&flights) else {
            panic!("they wait");
        };
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(second.try_recv().unwrap().status(), StatusCode::OK);
        assert_eq!(third.try_recv().unwrap().status(), StatusCode::ACCEPTED);
        assert_eq!(flights.len(), 0);
    }

    #[test]
    fn d2_where_all_who_joined_hung_up_the_first_has_the_answer() {
        let flights = Flights::new(9);
        assert!(matches!(flights.board(KEY), Boarding::First));
        drop(join(&flights));
        assert!(!flights.land_first(KEY), "who knows");
        let Landed::Given { first: Some(first) } = land(&flights) else {
            panic!("they wait");
        };
        assert_eq!(first.status(), StatusCode::ACCEPTED);
        assert_eq!(flights.len(), 0);
    }

    #[test]
    fn d3_where_nobody_waits_the_answer_comes_back_until_one_asks() {
        let flights = Flights::new(9);
        assert!(matches!(flights.board(KEY), Boarding::First));
        assert!(flights.is_awaited(KEY));
        flights.first_left(KEY);
        assert!(!flights.is_awaited(KEY));
        assert!(!flights.land_first(KEY), "they left");
        assert!(matches!(land(&flights), Landed::Unwanted(_)));
        let mut late = join(&flights);
        assert!(!flights.leave(KEY), "somebody asked");
        assert!(matches!(land(&flights), Landed::Given { first: None }));
        assert!(late.try_recv().is_ok());
    }

    #[test]
    fn d9_and_d10_too_many_and_too_late_are_turned_away_but_may_join() {
        let flights = Flights::new(1);
        assert!(matches!(flights.board(KEY), Boarding::First));
        let other = DeliveryKey {
            update_id: 2,
            ..KEY
        };
        assert!(matches!(flights.board(other), Boarding::Full));
        flights.close();
        assert!(matches!(flights.board(other), Boarding::Closed));
        assert!(matches!(flights.board(KEY), Boarding::Joined(_)));
        assert!(!flights.is_cut_off());
        assert_eq!(flights.cut_off(), [KEY]);
        assert!(flights.is_cut_off());
    }

    #[test]
    fn d10_the_last_to_land_ends_the_wait() {
        let other = DeliveryKey {
            update_id: 2,
            ..KEY
        };
        let ends: [fn(&Flights); 4] = [
            |flights| assert!(flights.land_first(KEY)),
            |flights| drop(land(flights)),
            |flights| assert!(flights.leave(KEY)),
            |flights| flights.crash(KEY),
        ];
        for end in ends {
            let flights = Flights::new(9);
            assert!(matches!(flights.board(KEY), Boarding::First));
            assert!(matches!(flights.board(other), Boarding::First));
            let mut all = tokio_test::task::spawn(flights.all_landed());
            flights.close();
            assert!(all.poll().is_pending());
            flights.crash(other);
            assert!(all.poll().is_pending(), "one runs");
            end(&flights);
            assert!(all.is_woken());
            assert!(all.poll().is_ready());
        }
    }
}
