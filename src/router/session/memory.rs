//! Sessions in the memory of a process.

use std::{
    collections::VecDeque,
    future::{Future, ready},
    sync::{Arc, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::store::{SessionError, SessionStore, StoredSession};
use crate::task::{
    shrinking_map::ShrinkingMap,
    sync::{Mutex, MutexGuard},
};

/// How many changes may be remembered beside two for each session.
const MIN_CHANGES: usize = 64;

/// A store of sessions in memory, for one process and as long as it runs. Clones share the sessions.
#[derive(Clone, Debug)]
pub struct MemorySessions {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    sessions: ShrinkingMap<Box<str>, KeptSession>,
    /// In the order of their changes, with the revision of each.
    changes: VecDeque<(Box<str>, u64)>,
    capacity: usize,
    next_revision: u64,
}

#[derive(Debug)]
struct KeptSession {
    stored: StoredSession,
    /// `None` if it is too far ahead for a clock.
    ends: Option<Instant>,
}

impl MemorySessions {
    /// A store for 100,000 sessions. Beyond that, the session whose last change is the oldest is dropped.
    pub fn new() -> Self {
        Self::with_capacity(100_000)
    }

    /// A store for this number of sessions.
    pub fn with_capacity(sessions: usize) -> Self {
        let state = State {
            sessions: ShrinkingMap::default(),
            changes: VecDeque::new(),
            capacity: sessions,
            next_revision: 1,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Held for a few lines, and never while waiting.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemorySessions {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn load(&self, key: &str) -> Option<StoredSession> {
        let kept = self.sessions.get(key)?;
        let is_over = kept.ends.is_some_and(|ends| ends <= Instant::now());
        (!is_over).then(|| kept.stored.clone())
    }

    fn save(
        &mut self,
        key: &str,
        revision: Option<u64>,
        value: Option<Bytes>,
        expires_after: Duration,
    ) -> bool {
        if self.load(key).map(|stored| stored.revision) != revision {
            return false;
        }
        let key: Box<str> = key.into();
        self.sessions.remove(&key);
        if let Some(value) = value {
            let revision = self.next_revision;
            self.next_revision += 1;
            let kept = KeptSession {
                stored: StoredSession::new(value, revision),
                ends: Instant::now().checked_add(expires_after),
            };
            self.sessions.insert(key.clone(), kept);
            self.changes.push_back((key, revision));
        }
        self.make_room();
        true
    }

    /// Drops the entries of replaced changes, and the oldest sessions beyond the capacity.
    fn make_room(&mut self) {
        // Replaced changes behind one that still counts.
        if self.changes.len() > 2 * self.sessions.len() + MIN_CHANGES {
            self.drop_replaced();
        }
        while let Some((key, revision)) = self.changes.front() {
            let kept = self.sessions.get(&**key);
            let is_newest = kept.is_some_and(|kept| kept.stored.revision == *revision);
            if is_newest && self.sessions.len() <= self.capacity {
                return;
            }
            if is_newest {
                let key = key.clone();
                self.sessions.remove(&key);
            }
            self.changes.pop_front();
        }
    }

    /// Drops all entries of replaced changes.
    fn drop_replaced(&mut self) {
        let sessions = &self.sessions;
        self.changes.retain(|(key, revision)| {
            let kept = sessions.get(&**key);
            kept.is_some_and(|kept| kept.stored.revision == *revision)
        });
    }
}

impl SessionStore for MemorySessions {
    fn load(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<StoredSession>, SessionError>> + Send {
        ready(Ok(self.state().load(key)))
    }

    fn save(
        &self,
        key: &str,
        revision: Option<u64>,
        value: Option<Bytes>,
        expires_after: Duration,
    ) -> impl Future<Output = Result<bool, SessionError>> + Send {
        let saved = self.state().save(key, revision, value, expires_after);
        ready(Ok(saved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    async fn set(store: &MemorySessions, key: &str, revision: Option<u64>, value: &str) -> bool {
        let value = Some(Bytes::copy_from_slice(value.as_bytes()));
        store.save(key, revision, value, HOUR).await.unwrap()
    }

    async fn revision(store: &MemorySessions, key: &str) -> Option<u64> {
        let stored = store.load(key).await.unwrap();
        stored.map(|stored| stored.revision)
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_written_only_over_the_revision_that_was_read() {
        let store = MemorySessions::new();
        assert!(set(&store, "a", None, "1").await);
        assert!(!set(&store, "a", None, "2").await, "it is there");
        let first = revision(&store, "a").await;
        assert!(set(&store, "a", first, "2").await);
        assert!(!set(&store, "a", first, "3").await, "it was changed");
        let second = revision(&store, "a").await;
        assert!(store.save("a", second, None, HOUR).await.unwrap());
        assert_eq!(revision(&store, "a").await, None);
        assert!(set(&store, "a", None, "1").await);
        assert_ne!(
            revision(&store, "a").await,
            first,
            "each change has a new one"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_are_bounded_in_time_and_number() {
        let store = MemorySessions::with_capacity(2);
        assert!(set(&store, "a", None, "1").await);
        tokio::time::advance(HOUR).await;
        assert_eq!(revision(&store, "a").await, None);
        assert!(set(&store, "a", None, "1").await);
        for _ in 0..100 {
            for key in ["b", "c"] {
                let before = revision(&store, key).await;
                assert!(set(&store, key, before, "1").await);
            }
        }
        assert_eq!(revision(&store, "a").await, None, "the oldest made room");
        assert!(revision(&store, "b").await.is_some());
        let lengths = {
            let state = store.state();
            (state.sessions.len(), state.changes.len())
        };
        assert!(lengths.0 == 2 && lengths.1 <= 3, "{lengths:?}");
        let many = MemorySessions::new();
        assert!(set(&many, "kept", None, "1").await);
        for _ in 0..1000 {
            let before = revision(&many, "changed").await;
            assert!(set(&many, "changed", before, "1").await);
        }
        let changes = many.state().changes.len();
        assert!(
            changes <= MIN_CHANGES + 5,
            "{changes} changes of 2 sessions"
        );
        assert!(revision(&many, "kept").await.is_some());
        let none = MemorySessions::with_capacity(0);
        assert!(set(&none, "a", None, "1").await);
        assert_eq!(revision(&none, "a").await, None);
        let forever = Some(Bytes::from_static(b"1"));
        assert!(store.save("d", None, forever, Duration::MAX).await.unwrap());
        assert!(revision(&store, "d").await.is_some());
    }
}
