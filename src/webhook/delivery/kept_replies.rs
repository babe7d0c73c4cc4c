//! The replies of handled updates, for redeliveries.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{segmented_queue::SegmentedQueue, store::DeliveryKey};
use crate::Reply;

/// The bytes of an entry besides the reply's own.
const OVERHEAD: usize = 256;

/// How many replies one call drops at most because they are too old. The rest waits for the next calls.
const MOST_DROPPED: usize = 64;

/// Replies in the order in which they were made. A redelivery is rare, so the search begins at the newest.
#[derive(Debug)]
pub(super) struct KeptReplies {
    entries: SegmentedQueue<KeptReply>,
    bytes: usize,
    max_bytes: usize,
    max_age: Duration,
}

#[derive(Debug)]
struct KeptReply {
    key: DeliveryKey,
    reply: Reply,
    made_at: Instant,
}

impl Default for KeptReplies {
    fn default() -> Self {
        Self {
            entries: SegmentedQueue::default(),
            bytes: 0,
            max_bytes: 16 << 20,
            max_age: Duration::from_secs(60 * 60),
        }
    }
}

impl KeptReplies {
    pub(super) fn set_max_bytes(&mut self, bytes: usize) {
        self.max_bytes = bytes;
    }

    pub(super) fn set_max_age(&mut self, age: Duration) {
        self.max_age = age;
    }

    pub(super) fn keep(&mut self, key: DeliveryKey, reply: &Reply, now: Instant) {
        let bytes = size(reply);
        if bytes > self.max_bytes {
            return;
        }
        self.bytes += bytes;
        self.entries.push_back(KeptReply {
            key,
            reply: reply.clone(),
            made_at: now,
        });
        let mut dropped = 0;
        while let Some(oldest) = self.entries.front()
            && (self.bytes > self.max_bytes || dropped < MOST_DROPPED && self.is_over(oldest, now))
        {
            self.bytes -= size(&oldest.reply);
            self.entries.pop_front();
            dropped += 1;
        }
    }

    pub(super) fn get(&self, key: DeliveryKey, now: Instant) -> Option<&Reply> {
        let kept = self.entries.newest_first().find(|kept| kept.key == key)?;
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
    fn d16_replies_are_bounded_in_time() {
        let mut replies = KeptReplies::default();
        let hour = Duration::from_secs(60 * 60);
        let now = Instant::now();
        replies.keep(key(1), &reply(1), now);
        let later = now + hour.checked_sub(Duration::from_secs(1)).unwrap();
        assert!(replies.get(key(1), later).is_some());
        assert!(replies.get(key(1), now + hour).is_none());
        replies.keep(key(2), &reply(1), now + hour);
        assert_eq!(replies.entries.len(), 1, "the old one is gone");
        for update_id in 3..=1000 {
            replies.keep(key(update_id), &reply(1), now + hour);
        }
        replies.keep(key(1001), &reply(1), now + 2 * hour);
        let left = 1000 - MOST_DROPPED;
        assert_eq!(replies.entries.len(), left, "one call drops few");
        assert!(replies.get(key(1000), now + 2 * hour).is_none());
        for update_id in 1002..1020 {
            replies.keep(key(update_id), &reply(1), now + 2 * hour);
        }
        let now = now + hour;
        replies.set_max_age(Duration::ZERO);
        replies.keep(key(3), &reply(1), now + hour);
        assert_eq!((replies.entries.len(), replies.bytes), (0, 0));
    }
}
