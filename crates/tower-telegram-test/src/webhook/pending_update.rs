//! An update that the bot has not confirmed: its JSON, its expiry and its queue.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{clock, error::Error, json};

/// The longest update, in bytes of its JSON.
pub(crate) const MAX_UPDATE: usize = 512 << 10;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An update that waits for the bot.
#[derive(Clone, Debug)]
pub(crate) struct PendingUpdate {
    pub(crate) id: u64,
    /// The JSON as it is sent.
    pub(crate) json: Bytes,
    pub(crate) queue: QueueId,
    queued_at: Instant,
    /// The time of its expiry.
    pub(crate) ends_at: Instant,
}

impl PendingUpdate {
    /// Checks the size, and finds the queue and the expiry.
    pub(crate) fn new(id: u64, update: &Map<String, Value>, now: Instant) -> Result<Self, Error> {
        let json = json::update(id, update);
        if json.len() > MAX_UPDATE {
            return Err(Error::UpdateTooLarge { bytes: json.len() });
        }
        let payload = update.iter().find(|(key, _)| *key != "update_id");
        Ok(Self {
            id,
            json: json.into(),
            queue: payload.map_or(QueueId::of_its_own(id), |(kind, payload)| {
                QueueId::of(kind, payload, id)
            }),
            queued_at: now,
            ends_at: now + payload.map_or(DAY, |(kind, payload)| life(kind, payload)),
        })
    }

    /// Whether it has expired while it waited. An update that was too old from the start is still sent,
    /// because a test may give its message any date.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now > self.ends_at && self.ends_at > self.queued_at
    }
}

/// The queue of an update. Telegram sends the updates of one queue one at a time, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct QueueId {
    kind: u8,
    /// The ID of a chat, a user or a poll.
    number: u64,
}

impl QueueId {
    /// A chat's messages and channel posts share a queue. Its callback queries have another.
    fn of(kind: &str, payload: &Value, update_id: u64) -> Self {
        let (kind, number) = match kind {
            "message" | "edited_message" | "channel_post" | "edited_channel_post" => {
                (0, &payload["chat"]["id"])
            }
            "inline_query" => (1, &payload["from"]["id"]),
            "chosen_inline_result" => (2, &payload["from"]["id"]),
            "callback_query" => (3, &payload["from"]["id"]),
            "shipping_query" | "pre_checkout_query" => (4, &payload["from"]["id"]),
            "my_chat_member" => (5, &payload["chat"]["id"]),
            "chat_member" | "chat_join_request" => (6, &payload["from"]["id"]),
            "chat_boost" | "removed_chat_boost" => (7, &payload["chat"]["id"]),
            "message_reaction" => (8, &payload["chat"]["id"]),
            "message_reaction_count" => (9, &payload["chat"]["id"]),
            "business_connection" => (10, &payload["user"]["id"]),
            "business_message" | "edited_business_message" | "deleted_business_messages" => {
                (11, &payload["chat"]["id"])
            }
            "guest_message" => (12, &payload["chat"]["id"]),
            "purchased_paid_media" => (12, &payload["from"]["id"]),
            "managed_bot" => (13, &payload["user"]["id"]),
            "poll" => (14, &payload["id"]),
            "poll_answer" => (14, &payload["poll_id"]),
            _ => return Self::of_its_own(update_id),
        };
        let text = number.as_str().and_then(|text| text.parse::<i64>().ok());
        let number = number.as_i64().or(text).unwrap_or_default();
        Self {
            kind,
            number: number.cast_unsigned(),
        }
    }

    /// The queue of an update that waits for no other.
    fn of_its_own(update_id: u64) -> Self {
        Self {
            kind: u8::MAX,
            number: update_id,
        }
    }
}

/// How long Telegram keeps an update of that type.
fn life(kind: &str, payload: &Value) -> Duration {
    match kind {
        "inline_query" => Duration::from_secs(30),
        "callback_query" | "shipping_query" | "pre_checkout_query" => Duration::from_secs(150),
        "chosen_inline_result" => Duration::from_secs(600),
        // A message expires a day after it was written or edited. This uses the machine's clock, because
        // the message's date comes from there: moving Telegram's clock doesn't make a test's next message
        // old.
        kind if kind.ends_with("message") || kind.ends_with("channel_post") => {
            let date = payload["edit_date"]
                .as_u64()
                .or_else(|| payload["date"].as_u64());
            let age = date.map_or(0, |date| clock::wall().as_secs().saturating_sub(date));
            DAY.saturating_sub(Duration::from_secs(age))
        }
        _ => DAY,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pending(id: u64, update: &Value) -> PendingUpdate {
        PendingUpdate::new(id, update.as_object().unwrap(), Instant::now()).unwrap()
    }

    #[test]
    fn each_type_has_its_life() {
        let life = |update: Value| {
            let pending = pending(1, &update);
            (pending.ends_at - pending.queued_at).as_secs()
        };
        assert_eq!(life(json!({"update_id": 1, "inline_query": {}})), 30);
        assert_eq!(life(json!({"callback_query": {}})), 150);
        assert_eq!(life(json!({"chosen_inline_result": {}})), 600);
        assert_eq!(life(json!({"poll": {}})), 86_400);
        assert_eq!(life(json!({"message": {"date": 0}})), 0);
    }

    #[test]
    fn what_was_old_from_the_start_is_not_over() {
        let day = Instant::now() + DAY;
        assert!(!pending(1, &json!({"message": {"date": 0}})).is_over(day));
        assert!(pending(1, &json!({"inline_query": {}})).is_over(day));
        assert!(!pending(1, &json!({"poll": {}})).is_over(day - DAY));
    }

    #[test]
    fn updates_of_a_chat_share_a_queue_by_their_kind() {
        let (chat, user) = (json!({"id": -7}), json!({"id": 7}));
        let same = [
            vec![
                json!({"message": {"chat": chat}}),
                json!({"edited_message": {"chat": chat}}),
                json!({"channel_post": {"chat": chat}}),
                json!({"edited_channel_post": {"chat": chat}}),
            ],
            vec![json!({"message": {"chat": {"id": -8}}})],
            vec![json!({"callback_query": {"from": user, "message": {"chat": chat}}})],
            vec![json!({"inline_query": {"from": user}})],
            vec![json!({"chosen_inline_result": {"from": user}})],
            vec![
                json!({"shipping_query": {"from": user}}),
                json!({"pre_checkout_query": {"from": user}}),
            ],
            vec![json!({"my_chat_member": {"from": user, "chat": chat}})],
            vec![
                json!({"chat_member": {"from": user, "chat": chat}}),
                json!({"chat_join_request": {"from": user, "chat": {"id": 1}}}),
            ],
            vec![
                json!({"chat_boost": {"chat": chat}}),
                json!({"removed_chat_boost": {"chat": chat}}),
            ],
            vec![json!({"message_reaction": {"chat": chat, "user": user}})],
            vec![json!({"message_reaction_count": {"chat": chat}})],
            vec![json!({"business_connection": {"user": user}})],
            vec![
                json!({"business_message": {"chat": chat}}),
                json!({"edited_business_message": {"chat": chat}}),
                json!({"deleted_business_messages": {"chat": chat}}),
            ],
            vec![json!({"guest_message": {"chat": chat}})],
            vec![json!({"purchased_paid_media": {"from": user}})],
            vec![json!({"managed_bot": {"user": user}})],
            vec![
                json!({"poll": {"id": "7"}}),
                json!({"poll_answer": {"poll_id": "7"}}),
            ],
            vec![json!({"from_the_future": {"chat": chat}})],
        ];
        let queues: Vec<_> = same
            .iter()
            .map(|updates| {
                let mut queues = updates.iter().map(|update| pending(1, update).queue);
                let first = queues.next().unwrap();
                assert!(queues.all(|queue| queue == first), "{updates:?}");
                first
            })
            .collect();
        for (at, queue) in queues.iter().enumerate() {
            assert!(!queues[..at].contains(queue), "{:?}", same[at]);
        }
    }
}
