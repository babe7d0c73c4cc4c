//! The key of an update's chat, and its partition.

use crate::webhook::{BotId, RawUpdate};

/// The key by which a queue keeps updates in order: that of the bot and the chat, or else of the bot and the user, or
/// else of the update alone. Engines store it, so it is the same in all versions.
///
/// ```
/// use tower_telegram::{
///     queue::chat_key,
///     webhook::{BotId, RawUpdate},
/// };
///
/// let json = r#"{"update_id":1,"message":{"chat":{"id":-7}}}"#;
/// let update = RawUpdate::from_bytes(json.into()).unwrap();
/// assert_eq!(chat_key(Some(BotId(5)), &update), "5:-7");
/// assert_eq!(chat_key(None, &update), "0:-7");
/// ```
pub fn chat_key(bot: Option<BotId>, update: &RawUpdate) -> String {
    let bot = number_of(bot);
    // A private chat has its user's number, so the two keys may meet.
    match update.chat_or_user_id() {
        Some(chat) => format!("{bot}:{chat}"),
        None => format!("{bot}:update:{}", update.update_id()),
    }
}

/// A bot's number as it is stored: 0 if bots don't share the queue.
pub(crate) fn number_of(bot: Option<BotId>) -> i64 {
    bot.map_or(0, |bot| bot.0)
}

/// The bot of such a number.
#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) fn bot_of(number: i64) -> Option<BotId> {
    (number != 0).then_some(BotId(number))
}

/// The partition of a [chat's key](chat_key), from 0 to `partitions` - 1; 0 partitions count as 1. It is the same in
/// all versions and replicas.
pub fn partition(chat_key: &str, partitions: u16) -> u16 {
    // FNV-1a.
    let hash = chat_key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    // The lowest bits of it are not its best.
    let hash = hash ^ (hash >> 32);
    u16::try_from(hash % u64::from(partitions.max(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(json: &'static str) -> String {
        chat_key(Some(BotId(5)), &RawUpdate::from_bytes(json.into()).unwrap())
    }

    #[test]
    fn an_update_has_the_key_of_its_chat_or_its_user_or_its_own() {
        for (json, expected) in [
            (r#"{"update_id":1,"message":{"chat":{"id":-7}}}"#, "5:-7"),
            (
                r#"{"update_id":1,"callback_query":{"from":{"id":9},"message":{"chat":{"id":7}}}}"#,
                "5:7",
            ),
            (r#"{"update_id":1,"inline_query":{"from":{"id":7}}}"#, "5:7"),
            (r#"{"update_id":1,"poll":{"id":"1"}}"#, "5:update:1"),
        ] {
            assert_eq!(key_of(json), expected, "{json}");
        }
    }

    /// Other versions have written entries too.
    #[test]
    fn a_chat_always_has_the_same_partition() {
        let of = |key| partition(key, 16);
        assert_eq!(
            ["0:1", "0:2", "0:-100", "5:update:1"].map(of),
            [2, 15, 14, 6]
        );
    }

    #[test]
    fn chats_are_spread_evenly() {
        let mut counts = [0_u32; 16];
        for chat in 0..16_000 {
            counts[usize::from(partition(&format!("0:{chat}"), 16))] += 1;
        }
        assert!(
            counts.iter().all(|&n| (800..1200).contains(&n)),
            "{counts:?}"
        );
    }
}
