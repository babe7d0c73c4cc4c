//! The age of an update by its date.

use std::time::{Duration, SystemTime};

use super::RawUpdate;
use crate::{json::Reader, types::UpdateType};

/// How long ago an update happened, in whole seconds by this machine's clock. `None` for those that don't say
/// when, such as a pressed button, whose date is that of the message under it; nothing is older than the clock.
pub(crate) fn age(update: &RawUpdate) -> Option<Duration> {
    let date = Duration::from_secs(u64::try_from(date(update)?).ok().filter(|date| *date > 0)?);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    Some(Duration::from_secs(now.as_secs()).saturating_sub(date))
}

/// In Unix seconds.
fn date(update: &RawUpdate) -> Option<i64> {
    use UpdateType as T;
    let name = match update.update_type() {
        T::EditedMessage | T::EditedChannelPost | T::EditedBusinessMessage => {
            return find(update, &["edit_date"]).or_else(|| find(update, &["date"]));
        }
        T::ChatBoost => return find(update, &["boost", "add_date"]),
        T::RemovedChatBoost => "remove_date",
        T::CallbackQuery
        | T::InlineQuery
        | T::ChosenInlineResult
        | T::ShippingQuery
        | T::PreCheckoutQuery
        | T::Poll
        | T::PollAnswer
        | T::Unknown => return None,
        _ => "date",
    };
    find(update, &[name])
}

fn find(update: &RawUpdate, path: &[&str]) -> Option<i64> {
    let mut r = Reader::new(std::str::from_utf8(update.bytes()).ok()?);
    for name in std::iter::once(&update.name()).chain(path) {
        if !r.find(name).ok()? {
            return None;
        }
    }
    r.integer().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_own_date_or_none() {
        for (payload, expected) in [
            (r#""message":{"chat":{"date":1},"date":7}"#, Some(7)),
            (r#""edited_message":{"date":7,"edit_date":9}"#, Some(9)),
            (r#""edited_channel_post":{"date":7}"#, Some(7)),
            (r#""chat_member":{"date":7}"#, Some(7)),
            (r#""chat_boost":{"boost":{"add_date":7}}"#, Some(7)),
            (r#""removed_chat_boost":{"remove_date":7}"#, Some(7)),
            (r#""callback_query":{"message":{"date":7}}"#, None),
            (r#""callback_query":{"date":7}"#, None),
            (r#""poll":{"close_date":7}"#, None),
            (r#""new_one":{"date":7}"#, None),
            (r#""message":{"date":"7"}"#, None),
            (r#""message":7"#, None),
        ] {
            let text = format!(r#"{{"update_id":1,{payload}}}"#);
            let update = RawUpdate::from_bytes(text.into()).unwrap();
            assert_eq!(date(&update), expected, "{payload}");
        }
    }

    #[test]
    fn a_date_to_come_is_no_age_and_zero_is_none() {
        let aged = |date: i64| {
            let text = format!(r#"{{"update_id":1,"message":{{"date":{date}}}}}"#);
            age(&RawUpdate::from_bytes(text.into()).unwrap())
        };
        assert_eq!(aged(i64::MAX), Some(Duration::ZERO));
        assert_eq!((aged(0), aged(-5)), (None, None));
        assert!(aged(1).unwrap() > Duration::from_secs(1_700_000_000));
    }
}
