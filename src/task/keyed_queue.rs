//! Queues by key, such as one for each chat.

use std::{
    hash::Hash,
    sync::{Arc, PoisonError},
};

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::task::{
    shrinking_map::ShrinkingMap,
    sync::{Mutex as StdMutex, MutexGuard as StdGuard},
};

/// A queue for each key. The turn goes to the waiters in the order in which they were first polled, because tokio's mutex
/// is fair. A waiter that is dropped is skipped.
#[derive(Debug)]
pub(crate) struct KeyedQueue<K> {
    state: StdMutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    queues: ShrinkingMap<K, Waiters>,
    /// The number of tickets in all queues.
    places: usize,
}

#[derive(Debug)]
struct Waiters {
    turn: Arc<Mutex<()>>,
    /// The number of tickets, including that of the waiter whose turn it is.
    places: usize,
}

/// The most waiters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) in_all: usize,
    pub(crate) per_key: usize,
}

impl<K> Default for KeyedQueue<K> {
    fn default() -> Self {
        let state = State {
            queues: ShrinkingMap::default(),
            places: 0,
        };
        Self {
            state: StdMutex::new(state),
        }
    }
}

impl<K> KeyedQueue<K> {
    fn state(&self) -> StdGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of keys that have a queue.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.state().queues.len()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.state().queues.capacity()
    }
}

impl<K: Hash + Eq + Clone> KeyedQueue<K> {
    /// Joins the queue of a key.
    pub(crate) fn enter(self: &Arc<Self>, key: K) -> Ticket<K> {
        self.state().enter(self, key)
    }

    /// Joins the queue of a key, if that is empty or one more waiter fits.
    pub(crate) fn try_enter(self: &Arc<Self>, key: K, capacity: Capacity) -> Option<Ticket<K>> {
        let mut state = self.state();
        state
            .has_room(&key, capacity)
            .then(|| state.enter(self, key))
    }
}

impl<K: Hash + Eq> State<K> {
    fn has_room(&self, key: &K, capacity: Capacity) -> bool {
        let waiting = self.places - self.queues.len();
        self.queues
            .get(key)
            .is_none_or(|queue| queue.places <= capacity.per_key && waiting < capacity.in_all)
    }

    fn enter(&mut self, queues: &Arc<KeyedQueue<K>>, key: K) -> Ticket<K>
    where
        K: Clone,
    {
        self.places += 1;
        let turn = if let Some(queue) = self.queues.get_mut(&key) {
            queue.places += 1;
            queue.turn.clone()
        } else {
            let turn = Arc::default();
            let queue = Waiters {
                turn: Arc::clone(&turn),
                places: 1,
            };
            self.queues.insert(key.clone(), queue);
            turn
        };
        Ticket {
            queues: queues.clone(),
            key,
            turn,
        }
    }

    fn leave(&mut self, key: &K) {
        self.places -= 1;
        self.queues.remove_if(key, |queue| {
            queue.places -= 1;
            queue.places == 0
        });
    }
}

/// A place in a queue. Dropping it leaves the queue.
#[derive(Debug)]
pub(crate) struct Ticket<K: Hash + Eq> {
    queues: Arc<KeyedQueue<K>>,
    key: K,
    turn: Arc<Mutex<()>>,
}

impl<K: Hash + Eq> Ticket<K> {
    pub(crate) fn key(&self) -> &K {
        &self.key
    }

    /// Takes the turn, if no other ticket is before this one.
    pub(crate) fn try_turn(self) -> Result<TurnGuard<K>, Self> {
        match self.turn.clone().try_lock_owned() {
            Ok(turn) => Ok(TurnGuard::new(turn, self)),
            Err(_) => Err(self),
        }
    }

    /// Waits for the turn. The place is that of the first poll.
    pub(crate) async fn turn(self) -> TurnGuard<K> {
        let turn = self.turn.clone().lock_owned().await;
        TurnGuard::new(turn, self)
    }
}

impl<K: Hash + Eq> Drop for Ticket<K> {
    fn drop(&mut self) {
        self.queues.state().leave(&self.key);
    }
}

/// The turn of a key. The next waiter's turn begins when it is dropped.
#[derive(Debug)]
pub(crate) struct TurnGuard<K: Hash + Eq> {
    // Dropped in this order: a new ticket has to find the queue for as long as it is locked.
    _turn: OwnedMutexGuard<()>,
    _ticket: Ticket<K>,
}

impl<K: Hash + Eq> TurnGuard<K> {
    fn new(turn: OwnedMutexGuard<()>, ticket: Ticket<K>) -> Self {
        Self {
            _turn: turn,
            _ticket: ticket,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task::spawn};

    use super::*;

    fn queues() -> Arc<KeyedQueue<u32>> {
        Arc::default()
    }

    #[test]
    fn the_first_has_the_turn_and_the_next_has_it_when_the_first_is_dropped() {
        let queues = queues();
        let first = queues.enter(1).try_turn().ok().unwrap();
        let mut second = spawn(queues.enter(1).try_turn().err().unwrap().turn());
        let mut third = spawn(queues.enter(1).turn());
        assert_pending!(second.poll());
        assert_pending!(third.poll());
        assert!(queues.enter(2).try_turn().is_ok());
        drop(first);
        assert_pending!(third.poll());
        let second = assert_ready!(second.poll());
        assert_pending!(third.poll());
        drop(second);
        assert!(third.is_woken());
        assert_ready!(third.poll());
    }

    /// Between the end of a turn and the next waiter's poll, no other ticket takes the turn.
    #[test]
    fn a_new_ticket_does_not_take_the_turn_of_a_waiter() {
        let queues = queues();
        let first = queues.enter(1).try_turn().ok().unwrap();
        let mut second = spawn(queues.enter(1).turn());
        assert_pending!(second.poll());
        drop(first);
        assert!(queues.enter(1).try_turn().is_err());
        assert_ready!(second.poll());
    }

    #[test]
    fn a_waiter_that_is_dropped_is_skipped() {
        let queues = queues();
        let first = queues.enter(1).try_turn().ok().unwrap();
        let mut second = spawn(queues.enter(1).turn());
        let mut third = spawn(queues.enter(1).turn());
        let mut fourth = spawn(queues.enter(1).turn());
        assert_pending!(second.poll());
        assert_pending!(third.poll());
        assert_pending!(fourth.poll());
        drop(second);
        drop(first);
        // Now it is the third's turn, which wasn't polled yet.
        drop(third);
        assert_ready!(fourth.poll());
        assert_eq!(queues.len(), 0);
    }

    #[test]
    fn the_number_of_waiters_is_limited() {
        let queues = queues();
        let capacity = Capacity {
            in_all: 3,
            per_key: 2,
        };
        let try_enter = |key| queues.try_enter(key, capacity);
        let turns = [1, 2, 3].map(|key| try_enter(key).unwrap().try_turn().ok());
        let waiting = [1, 1].map(|key| try_enter(key).unwrap());
        assert!(try_enter(1).is_none(), "two wait for 1");
        let another = try_enter(2).unwrap();
        assert!(try_enter(2).is_none(), "three wait");
        assert!(try_enter(3).is_none(), "three wait");
        assert!(try_enter(4).is_some(), "it needn't wait");
        drop(another);
        assert!(try_enter(1).is_none(), "two wait for 1");
        assert!(try_enter(3).is_some(), "two wait");
        drop((turns, waiting));
        assert_eq!(queues.len(), 0);
    }

    #[test]
    fn the_memory_of_idle_keys_is_released() {
        let queues = queues();
        let rush: Vec<_> = (0..100_000).map(|key| queues.enter(key)).collect();
        assert_eq!(queues.len(), 100_000);
        drop(rush);
        assert_eq!(queues.len(), 0);
        assert!(queues.capacity() <= 1024, "{}", queues.capacity());
    }
}
