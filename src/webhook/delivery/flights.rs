//! The updates that are being handled in this process, and who waits for their answers.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use http::Response;
use tokio::{
    sync::{Notify, oneshot},
    task::AbortHandle,
};

use super::DeliveryKey;
use crate::{
    sync::{Mutex, MutexGuard},
    webhook::ReplyBody,
};

pub(super) type Answer = Response<ReplyBody>;
pub(super) type Asker = oneshot::Sender<Answer>;

#[derive(Debug)]
pub(super) struct Flights {
    running: Mutex<HashMap<DeliveryKey, Flight>>,
    max: usize,
    closed: AtomicBool,
    /// Told when the last one has landed.
    idle: Notify,
}

/// One update that is being handled.
#[derive(Debug, Default)]
struct Flight {
    /// Who asked last; mostly there is no other.
    last: Option<Asker>,
    before: Vec<Asker>,
    task: Option<AbortHandle>,
}

/// What an asker finds.
pub(super) enum Boarding {
    /// The update is being handled, and the answer will come.
    Joined(oneshot::Receiver<Answer>),
    /// The asker has it handled, and the answer will come.
    First(oneshot::Receiver<Answer>),
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
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<DeliveryKey, Flight>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn board(&self, key: DeliveryKey) -> Boarding {
        let (asker, answer) = oneshot::channel();
        let mut running = self.running();
        let count = running.len();
        match running.entry(key) {
            Entry::Occupied(mut flight) => {
                flight.get_mut().join(asker);
                Boarding::Joined(answer)
            }
            // Looked at under the lock, so that nothing begins once it is closed.
            Entry::Vacant(_) if self.closed.load(Ordering::Relaxed) => Boarding::Closed,
            Entry::Vacant(_) if count >= self.max => Boarding::Full,
            Entry::Vacant(free) => {
                free.insert(Flight {
                    last: Some(asker),
                    ..Flight::default()
                });
                Boarding::First(answer)
            }
        }
    }

    /// Which task it is, for cutting it off.
    pub(super) fn took_off(&self, key: DeliveryKey, task: AbortHandle) {
        // It may have landed already.
        if let Some(flight) = self.running().get_mut(&key) {
            flight.task = Some(task);
        }
    }

    /// Whether anybody waits for the answer.
    pub(super) fn is_awaited(&self, key: DeliveryKey) -> bool {
        let running = self.running();
        let flight = running.get(&key);
        flight.is_some_and(|flight| flight.askers().any(|asker| !asker.is_closed()))
    }

    /// Gives the answer to who asked last and still waits, and what `rest` makes to all before. If
    /// nobody waits, the answer comes back, and the flight goes on: there may be something to do
    /// before another asks.
    pub(super) fn land(
        &self,
        key: DeliveryKey,
        mut answer: Answer,
        rest: impl Fn() -> Answer,
    ) -> Option<Answer> {
        let mut running = self.running();
        let flight = running.get_mut(&key)?;
        while let Some(asker) = flight.pop() {
            match asker.send(answer) {
                Ok(()) => {
                    let flight = running.remove(&key);
                    self.landed(&running);
                    drop(running);
                    for asker in flight.into_iter().flat_map(Flight::into_askers) {
                        // Gone, then.
                        drop(asker.send(rest()));
                    }
                    return None;
                }
                Err(back) => answer = back,
            }
        }
        Some(answer)
    }

    /// Ends it, if nobody has asked in the meantime.
    pub(super) fn leave(&self, key: DeliveryKey) -> bool {
        let mut running = self.running();
        if let Entry::Occupied(flight) = running.entry(key) {
            if flight.get().askers().next().is_some() {
                return false;
            }
            flight.remove();
        }
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

    fn landed(&self, running: &HashMap<DeliveryKey, Flight>) {
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
        let askers = running.values().flat_map(Flight::askers);
        askers.filter(|asker| !asker.is_closed()).count()
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

    /// Ends all that run, and says which they were.
    pub(super) fn cut_off(&self) -> Vec<DeliveryKey> {
        let flights = std::mem::take(&mut *self.running());
        for task in flights.values().filter_map(|flight| flight.task.as_ref()) {
            task.abort();
        }
        let mut keys: Vec<_> = flights.into_keys().collect();
        keys.sort_unstable_by_key(|key| (key.bot.0, key.update_id));
        keys
    }
}

impl Flight {
    fn join(&mut self, asker: Asker) {
        // Whoever hung up needs no place.
        self.before.retain(|asker| !asker.is_closed());
        self.before.extend(self.last.replace(asker));
    }

    fn askers(&self) -> impl Iterator<Item = &Asker> {
        self.last.iter().chain(&self.before)
    }

    /// The last of those who asked.
    fn pop(&mut self) -> Option<Asker> {
        self.last.take().or_else(|| self.before.pop())
    }

    fn into_askers(self) -> impl Iterator<Item = Asker> {
        self.before.into_iter().chain(self.last)
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

    fn land(flights: &Flights) -> bool {
        let landed = flights.land(KEY, answer(StatusCode::ACCEPTED), Answer::default);
        landed.is_none()
    }

    #[test]
    fn d2_the_last_who_still_waits_has_the_answer() {
        let flights = Flights::new(9);
        let Boarding::First(mut first) = flights.board(KEY) else {
            panic!("nobody was before");
        };
        let Boarding::Joined(mut second) = flights.board(KEY) else {
            panic!("it runs");
        };
        let Boarding::Joined(third) = flights.board(KEY) else {
            panic!("it runs");
        };
        drop(third);
        assert!(land(&flights));
        assert_eq!(first.try_recv().unwrap().status(), StatusCode::OK);
        assert_eq!(second.try_recv().unwrap().status(), StatusCode::ACCEPTED);
        assert_eq!(flights.len(), 0);
    }

    #[test]
    fn d3_where_nobody_waits_the_answer_comes_back_until_one_asks() {
        let flights = Flights::new(9);
        drop(flights.board(KEY));
        assert!(!flights.is_awaited(KEY));
        assert!(!land(&flights));
        let Boarding::Joined(mut late) = flights.board(KEY) else {
            panic!("it hasn't left");
        };
        assert!(!flights.leave(KEY), "somebody asked");
        assert!(land(&flights));
        assert!(late.try_recv().is_ok());
    }

    #[test]
    fn d9_and_d10_too_many_and_too_late_are_turned_away_but_may_join() {
        let flights = Flights::new(1);
        let first = flights.board(KEY);
        assert!(matches!(first, Boarding::First(_)));
        let other = DeliveryKey {
            update_id: 2,
            ..KEY
        };
        assert!(matches!(flights.board(other), Boarding::Full));
        flights.close();
        assert!(matches!(flights.board(other), Boarding::Closed));
        assert!(matches!(flights.board(KEY), Boarding::Joined(_)));
        assert_eq!(flights.cut_off(), [KEY]);
    }
}
