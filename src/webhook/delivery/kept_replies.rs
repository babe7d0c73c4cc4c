//! The replies of handled updates, for redeliveries.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{segmented_queue::SegmentedQueue, sharded_map::ShardedMap, store::DeliveryKey};
use crate::Reply;

/// The bytes of an entry besides the reply's own.
const OVERHEAD: usize = 256;

/// How many replies one call drops at most, because they are too old or too many. The rest waits for the next calls.
const MOST_DROPPED: usize = 64;

const DEFAULT_MAX_BYTES: usize = 16 << 20;

/// Replies by their updates, and in the order in which they were made.
///
/// A call drops few of them, because the store does nothing else meanwhile. So after a large reply they take more room
/// than the limit for some calls: at most twice as much, because a reply beyond that isn't kept.
#[derive(Debug)]
pub(super) struct KeptReplies {
    replies: ShardedMap<DeliveryKey, KeptReply>,
    /// With the number of the reply, because an update that was forgotten may have another one by now.
    order: SegmentedQueue<(DeliveryKey, u64)>,
    last_number: u64,
    bytes: usize,
    max_bytes: usize,
    max_age: Duration,
}

#[derive(Debug)]
struct KeptReply {
    number: u64,
    reply: Reply,
    made_at: Instant,
}

impl Default for KeptReplies {
    fn default() -> Self {
        Self {
            replies: ShardedMap::for_entries(DEFAULT_MAX_BYTES / OVERHEAD),
            order: SegmentedQueue::default(),
            last_number: 0,
            bytes: 0,
            max_bytes: DEFAULT_MAX_BYTES,
            max_age: Duration::from_secs(60 * 60),
        }
    }
}

impl KeptReplies {
    /// To be called before any reply is kept.
    pub(super) fn set_max_bytes(&mut self, bytes: usize) {
        self.max_bytes = bytes;
        self.replies = ShardedMap::for_entries(bytes / OVERHEAD);
    }

    pub(super) fn set_max_age(&mut self, age: Duration) {
        self.max_age = age;
    }

    pub(super) fn keep(&mut self, key: DeliveryKey, reply: &Reply, now: Instant) {
        let bytes = size(reply);
        let most = self.max_bytes.saturating_mul(2);
        if bytes <= self.max_bytes && self.bytes + bytes <= most {
            self.insert(key, reply, now);
        }
        for _ in 0..MOST_DROPPED {
            if !self.drop_oldest(now) {
                break;
            }
        }
    }

    fn insert(&mut self, key: DeliveryKey, reply: &Reply, made_at: Instant) {
        self.last_number += 1;
        let number = self.last_number;
        let kept = KeptReply {
            number,
            reply: reply.clone(),
            made_at,
        };
        self.bytes += size(reply);
        let shard = self.replies.shard_mut(key);
        if let Some(previous) = shard.remove(&key) {
            self.bytes -= size(&previous.reply);
        }
        shard.insert(key, kept);
        self.order.push_back((key, number));
    }

    /// Drops the oldest reply if there is no room for it, or its time is over. `false` if it stays.
    fn drop_oldest(&mut self, now: Instant) -> bool {
        let Some(&(key, number)) = self.order.front() else {
            return false;
        };
        let kept = self.replies.shard(key).get(&key);
        // A later reply of the same update stays.
        if let Some(kept) = kept.filter(|kept| kept.number == number) {
            if self.bytes <= self.max_bytes && !self.is_over(kept, now) {
                return false;
            }
            self.bytes -= size(&kept.reply);
            self.replies.shard_mut(key).remove(&key);
        }
        self.order.pop_front();
        true
    }

    pub(super) fn get(&self, key: DeliveryKey, now: Instant) -> Option<&Reply> {
        let kept = self.replies.shard(key).get(&key)?;
        (!self.is_over(kept, now)).then_some(&kept.reply)
    }

    fn is_over(&self, kept: &KeptReply, now: Instant) -> bool {
        now.saturating_duration_since(kept.made_at) >= self.max_age
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The bytes of a reply in memory. A file on disk has none.
fn size(reply: &Reply) -> usize {
    let json = reply.json().map_or(0, Bytes::len);
    let uploads = reply.uploads().iter().filter_map(|upload| upload.bytes());
    OVERHEAD + json + uploads.map(Bytes::len).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IntoReply as _, methods::SendMessage};

    fn key(update_id: i64) -> DeliveryKey {
        DeliveryKey::new(None, update_id)
    }

    fn reply(length: usize) -> Reply {
        let text = "x".repeat(length);
        SendMessage::new(1, text).into_reply().unwrap()
    }

    #[test]
    fn d16_replies_are_bounded_in_bytes_and_the_newest_stay() {
        let mut replies = KeptReplies::default();
        let now = Instant::now();
        replies.set_max_bytes(3 * size(&reply(100)));
        for update_id in 1..=9 {
            replies.keep(key(update_id), &reply(100), now);
        }
        let kept = (1..=9).filter(|update_id| replies.get(key(*update_id), now).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), [7, 8, 9]);
        // One that is larger than all the room there is costs itself.
        replies.keep(key(10), &reply(10_000), now);
        assert!(replies.get(key(10), now).is_none());
        assert!(replies.get(key(9), now).is_some());
    }

    #[test]
    fn d13_a_large_reply_drops_few_others_at_once() {
        let mut replies = KeptReplies::default();
        let now = Instant::now();
        let (small, large) = (reply(1), reply(200_000));
        let max_bytes = 1000 * size(&small);
        replies.set_max_bytes(max_bytes);
        for update_id in 1..=1000 {
            replies.keep(key(update_id), &small, now);
        }
        let mut left = replies.order.len();
        assert_eq!(left, 1000);
        replies.keep(key(2001), &large, now);
        assert!(replies.get(key(2001), now).is_some());
        assert_eq!(replies.order.len(), left + 1 - MOST_DROPPED);
        // Beyond twice the room, none is kept.
        replies.keep(key(2002), &large, now);
        assert!(replies.get(key(2002), now).is_none());
        assert!(replies.bytes <= 2 * max_bytes, "{}", replies.bytes);
        for update_id in 3000..4000 {
            left = replies.order.len();
            replies.keep(key(update_id), &small, now);
            assert!(left <= replies.order.len() + MOST_DROPPED);
        }
        assert!(replies.bytes <= max_bytes, "{}", replies.bytes);
    }

    #[test]
    fn d16_of_two_replies_to_an_update_the_later_stays() {
        let mut replies = KeptReplies::default();
        let now = Instant::now();
        replies.set_max_bytes(2 * size(&reply(5)));
        for length in [5, 4] {
            replies.keep(key(1), &reply(length), now);
        }
        replies.keep(key(2), &reply(5), now);
        let json = |reply: &Reply| reply.json().cloned();
        let kept = replies.get(key(1), now).expect("it fits");
        assert_eq!(json(kept), json(&reply(4)));
        replies.keep(key(3), &reply(5), now);
        assert!(replies.get(key(1), now).is_none());
        assert_eq!(replies.bytes, 2 * size(&reply(5)));
    }

    #[test]
    fn d16_replies_are_bounded_in_time() {
        let mut replies = KeptReplies::default();
        let hour = Duration::from_secs(60 * 60);
        let now = Instant::now();
        replies.keep(key(1), &reply(1), now);
        let later = now + hour.checked_sub(Duration::from_secs(1)).unwrap();
        assert!(replies.get(key(1), later).is_some());
        assert!(replies.get(key(1), now + hour).is_none());
        replies.keep(key(2), &reply(1), now + hour);
        assert_eq!(replies.order.len(), 1, "the old one is gone");
        for update_id in 3..=1000 {
            replies.keep(key(update_id), &reply(1), now + hour);
        }
        replies.keep(key(1001), &reply(1), now + 2 * hour);
        let left = 1000 - MOST_DROPPED;
        assert_eq!(replies.order.len(), left, "one call drops few");
        assert!(replies.get(key(1000), now + 2 * hour).is_none());
        for update_id in 1002..1020 {
            replies.keep(key(update_id), &reply(1), now + 2 * hour);
        }
        let now = now + hour;
        replies.set_max_age(Duration::ZERO);
        replies.keep(key(3), &reply(1), now + hour);
        assert_eq!((replies.order.len(), replies.bytes), (0, 0));
    }
}
