//! The delivery store of a single process.

use std::{
    future::{Future, ready},
    sync::PoisonError,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    handled_ids::HandledIds,
    kept_replies::KeptReplies,
    segmented_queue::SegmentedQueue,
    sharded_map::{ShardKey, ShardedMap, number_of},
    store::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
};
use crate::{
    Reply,
    task::sync::{Mutex, MutexGuard},
};

/// The longest time for which Telegram tries to deliver an update.
const MAX_DELIVERY_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How many handled updates are remembered by default: nine hours of them at 30 updates a second.
const CAPACITY: usize = 1_000_000;

/// How many failed updates one call forgets at most. It adds one.
const MOST_FORGOTTEN: usize = 64;

/// Remembers the handled updates of one process, for as long as it runs.
///
/// Each is remembered for 24 hours, and only the newest up to a number of updates; a redelivery after that is
/// handled again. An update takes about two bytes, because Telegram numbers updates one after the other.
///
/// Replies are kept for an hour and up to 16 MiB, the newest ones: see
/// [`max_reply_bytes`](Self::max_reply_bytes) and [`max_reply_age`](Self::max_reply_age).
///
/// ```
/// use std::time::Duration;
///
/// use tower_telegram::webhook::{DeliveryLayer, delivery::MemoryStore};
///
/// let store = MemoryStore::with_capacity(100_000)
///     .max_reply_bytes(4 << 20)
///     .max_reply_age(Duration::from_secs(600));
/// let layer = DeliveryLayer::with_store(store);
/// # let _ = layer;
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    done: HandledIds,
    open: ShardedMap<DeliveryKey, PendingClaim>,
    /// In the order of their last failures, of which the oldest are forgotten.
    failed: SegmentedQueue<(DeliveryKey, u64)>,
    replies: KeptReplies,
    capacity: usize,
    next_fencing_token: u64,
}

/// An update that was claimed and isn't handled yet.
#[derive(Debug)]
struct PendingClaim {
    attempt: u32,
    fencing_token: u64,
    is_running: bool,
}

impl ShardKey for DeliveryKey {
    fn to_number(self) -> u64 {
        number_of(self.bot.map_or(0, |bot| bot.0), self.update_id)
    }
}

impl PendingClaim {
    fn is_held_by(&self, token: &ClaimToken) -> bool {
        self.is_running && self.fencing_token == token.fencing_token
    }
}

impl MemoryStore {
    /// Remembers a million updates.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// Remembers a number of updates, give or take 64.
    pub fn with_capacity(updates: usize) -> Self {
        Self {
            state: Mutex::new(State {
                done: HandledIds::new(updates, MAX_DELIVERY_TIME),
                open: ShardedMap::for_entries(updates),
                failed: SegmentedQueue::default(),
                replies: KeptReplies::default(),
                capacity: updates,
                next_fencing_token: 0,
            }),
        }
    }

    /// How many bytes of replies are kept for redeliveries: their JSON, their files in memory, and 256 bytes for
    /// each. Default: 16 MiB. The oldest are dropped first, 64 at most for each update that is handled, so that after a
    /// large reply they take up to twice as much for a while. A reply for which there is no room even then isn't kept.
    pub fn max_reply_bytes(mut self, bytes: usize) -> Self {
        self.state_mut().replies.set_max_bytes(bytes);
        self
    }

    /// How long replies are kept for redeliveries. Default: one hour.
    pub fn max_reply_age(mut self, age: Duration) -> Self {
        self.state_mut().replies.set_max_age(age);
        self
    }

    fn state_mut(&mut self) -> &mut State {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locked for a few lines, and never across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn claim(&mut self, key: DeliveryKey, now: impl Fn() -> Instant) -> Claim {
        if self.done.contains(key, &now) {
            let reply = self.replies.get(key, now()).cloned();
            return Claim::Done { reply };
        }
        self.next_fencing_token += 1;
        let fencing_token = self.next_fencing_token;
        let open = self.open.shard_mut(key).entry(key);
        let open = open.or_insert(PendingClaim {
            attempt: 0,
            fencing_token,
            is_running: false,
        });
        if open.is_running {
            // It runs in this process, which is alive, so the claim has no end by time.
            let lease = Duration::from_secs(1);
            return Claim::Busy { lease };
        }
        open.attempt = open.attempt.saturating_add(1);
        open.fencing_token = fencing_token;
        open.is_running = true;
        let attempt = open.attempt;
        Claim::Acquired(ClaimToken {
            key,
            fencing_token,
            attempt,
        })
    }

    fn finish(&mut self, token: &ClaimToken, reply: Option<&Reply>, now: Instant) -> bool {
        let open = self.open.shard_mut(token.key);
        let held = open.remove_copied_if(token.key, |open| open.is_held_by(token));
        if held.is_none() {
            return false;
        }
        self.done.insert(token.key, now);
        if let Some(reply) = reply {
            self.replies.keep(token.key, reply, now);
        }
        true
    }

    fn release(&mut self, token: &ClaimToken) -> bool {
        let open = self.open.shard_mut(token.key);
        let first = open.remove_copied_if(token.key, |open| {
            open.attempt <= 1 && open.is_held_by(token)
        });
        if first.is_some() {
            return true;
        }
        let released = self.fail(token);
        let open = self.open.shard_mut(token.key);
        if released && let Some(open) = open.get_mut(&token.key) {
            open.attempt = open.attempt.saturating_sub(1);
        }
        released
    }

    fn fail(&mut self, token: &ClaimToken) -> bool {
        match self.open.shard_mut(token.key).get_mut(&token.key) {
            Some(open) if open.is_held_by(token) => open.is_running = false,
            _ => return false,
        }
        self.failed.push_back((token.key, token.fencing_token));
        for _ in 0..MOST_FORGOTTEN {
            if self.failed.len() <= self.capacity.max(1) && !self.oldest_was_redelivered() {
                break;
            }
            self.forget_failed();
        }
        true
    }

    /// Whether the update that failed longest ago was redelivered: it is in the queue again then, or handled.
    fn oldest_was_redelivered(&self) -> bool {
        self.failed.front().is_some_and(|(key, fencing_token)| {
            let open = self.open.shard(*key).get(key);
            open.is_none_or(|open| open.is_running || open.fencing_token != *fencing_token)
        })
    }

    /// Removes the update that failed longest ago, and its attempts if it wasn't redelivered.
    fn forget_failed(&mut self) {
        let Some((key, fencing_token)) = self.failed.pop_front() else {
            return;
        };
        let is_that_one =
            |open: &mut PendingClaim| !open.is_running && open.fencing_token == fencing_token;
        let open = self.open.shard_mut(key);
        open.remove_copied_if(key, is_that_one);
    }
}

impl DeliveryStore for MemoryStore {
    fn claim(&self, key: DeliveryKey) -> impl Future<Output = Result<Claim, StoreError>> + Send {
        ready(Ok(self.state().claim(key, Instant::now)))
    }

    fn finish(
        &self,
        token: &ClaimToken,
        reply: Option<&Reply>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        ready(Ok(self.state().finish(token, reply, Instant::now())))
    }

    fn fail(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send {
        ready(Ok(self.state().fail(token)))
    }

    fn release(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send {
        ready(Ok(self.state().release(token)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IntoReply as _, methods::SendMessage, webhook::BotId};

    fn key(update_id: i64) -> DeliveryKey {
        DeliveryKey::new(Some(BotId(1)), update_id)
    }

    async fn granted(store: &MemoryStore, key: DeliveryKey) -> ClaimToken {
        match store.claim(key).await {
            Ok(Claim::Acquired(token)) => token,
            other => panic!("{other:?}"),
        }
    }

    fn reply() -> Reply {
        SendMessage::new(1, "x").into_reply().unwrap()
    }

    #[tokio::test]
    async fn d13_an_update_that_failed_and_was_redelivered_takes_no_room() {
        let store = MemoryStore::new();
        for update_id in 0..100 {
            let key = DeliveryKey {
                bot: None,
                update_id,
            };
            for fails in [true, false] {
                let Ok(Claim::Acquired(token)) = store.claim(key).await else {
                    panic!("it is free");
                };
                if fails {
                    assert!(store.fail(&token).await.unwrap());
                } else {
                    assert!(store.finish(&token, None).await.unwrap());
                }
            }
        }
        assert_eq!(store.state().failed.len(), 1, "of a hundred");
    }

    #[tokio::test]
    async fn d1_an_update_is_granted_until_it_is_done() {
        let store = MemoryStore::new();
        let first = granted(&store, key(1)).await;
        assert_eq!(first.attempt, 1);
        let second = store.claim(key(1)).await.unwrap();
        assert!(matches!(second, Claim::Busy { .. }), "{second:?}");
        assert!(store.fail(&first).await.unwrap());
        let again = granted(&store, key(1)).await;
        assert_eq!(again.attempt, 2);
        assert!(!store.finish(&first, None).await.unwrap(), "it ran out");
        assert!(store.finish(&again, None).await.unwrap());
        assert!(!store.finish(&again, None).await.unwrap());
        let done = store.claim(key(1)).await.unwrap();
        assert!(matches!(done, Claim::Done { reply: None }), "{done:?}");
    }

    #[tokio::test]
    async fn d9_an_update_that_was_not_tried_has_not_failed() {
        let store = MemoryStore::new();
        for _ in 0..2 {
            let first = granted(&store, key(1)).await;
            assert_eq!(first.attempt, 1);
            assert!(store.release(&first).await.unwrap());
            assert!(!store.release(&first).await.unwrap());
        }
        let failing = granted(&store, key(1)).await;
        assert!(store.fail(&failing).await.unwrap());
        for _ in 0..2 {
            let second = granted(&store, key(1)).await;
            assert_eq!(second.attempt, 2);
            assert!(store.release(&second).await.unwrap());
        }
    }

    #[tokio::test]
    async fn d16_each_redelivery_has_the_reply() {
        let store = MemoryStore::new();
        let token = granted(&store, key(1)).await;
        assert!(store.finish(&token, Some(&reply())).await.unwrap());
        for _ in 0..3 {
            let done = store.claim(key(1)).await.unwrap();
            assert!(matches!(done, Claim::Done { reply: Some(_) }), "{done:?}");
        }
    }

    #[tokio::test]
    async fn d9_a_released_claim_changes_nothing() {
        let store = MemoryStore::new();
        let old = granted(&store, key(1)).await;
        assert!(store.release(&old).await.unwrap());
        let new = granted(&store, key(1)).await;
        assert!(!store.release(&old).await.unwrap());
        assert!(!store.fail(&old).await.unwrap());
        assert!(store.finish(&new, None).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn d13_a_handled_update_is_remembered_for_a_day() {
        let store = MemoryStore::new();
        let token = granted(&store, key(1)).await;
        store.finish(&token, None).await.unwrap();
        tokio::time::advance(Duration::from_secs(86_399)).await;
        let done = store.claim(key(1)).await.unwrap();
        assert!(matches!(done, Claim::Done { .. }), "{done:?}");
        tokio::time::advance(Duration::from_secs(1)).await;
        granted(&store, key(1)).await;
    }

    #[tokio::test]
    async fn d13_an_update_is_forgotten_by_its_last_failure() {
        let store = MemoryStore::with_capacity(2);
        for id in [1, 1, 2] {
            let token = granted(&store, key(id)).await;
            store.fail(&token).await.unwrap();
        }
        let running = granted(&store, key(1)).await;
        assert_eq!(running.attempt, 3);
        let other = granted(&store, key(3)).await;
        store.fail(&other).await.unwrap();
        assert!(store.finish(&running, None).await.unwrap());
    }

    #[tokio::test]
    async fn d13_failures_and_replies_are_bounded_too() {
        let store = MemoryStore::with_capacity(100).max_reply_bytes(10_000);
        for id in 0..10_000 {
            let token = granted(&store, key(id)).await;
            store.fail(&token).await.unwrap();
        }
        assert_eq!(store.state().open.len(), 100);
        for id in 20_000..30_000 {
            let token = granted(&store, key(id)).await;
            store.finish(&token, Some(&reply())).await.unwrap();
        }
        let state = store.state();
        assert!(state.replies.bytes() <= 10_000);
        assert!(state.done.len() <= 100);
    }
}
