//! How long Telegram keeps an update, and how soon it is to send it again.

use std::time::Duration;

use crate::types::UpdateType;

/// How long Telegram tries to deliver an update of a type (telegram-bot-api `Client.cpp`). Those of
/// messages count from the message's date, the rest from when they came up.
pub(crate) fn time_to_live(update_type: UpdateType) -> Duration {
    Duration::from_secs(match update_type {
        UpdateType::InlineQuery => 30,
        UpdateType::CallbackQuery | UpdateType::ShippingQuery | UpdateType::PreCheckoutQuery => 150,
        UpdateType::ChosenInlineResult => 600,
        _ => 24 * 60 * 60,
    })
}

/// When Telegram should send an update again: after 1 s, doubled with each failure up to a minute. At most a tenth of
/// the update's life, because Telegram drops an update that would be too old by then.
pub(crate) fn redelivery_pause(update_type: UpdateType, failed: u32) -> Duration {
    let doubled = Duration::from_secs(1 << failed.saturating_sub(1).min(6));
    let longest = (time_to_live(update_type) / 10).min(Duration::from_secs(60));
    doubled.clamp(Duration::from_secs(1), longest)
}

/// The pause that was asked for, or else the one after so many failures: no shorter than that, and no longer than the
/// longest for this type of update.
pub(crate) fn pause_within_life(
    update_type: UpdateType,
    failed: u32,
    asked: Option<Duration>,
) -> Duration {
    let shortest = redelivery_pause(update_type, failed);
    let longest = redelivery_pause(update_type, u32::MAX);
    asked.map_or(shortest, |asked| asked.clamp(shortest, longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_lives_as_long_as_telegram_keeps_it() {
        use UpdateType as T;
        for (update_type, seconds) in [
            (T::InlineQuery, 30),
            (T::CallbackQuery, 150),
            (T::ShippingQuery, 150),
            (T::PreCheckoutQuery, 150),
            (T::ChosenInlineResult, 600),
            (T::Message, 86_400),
            (T::Unknown, 86_400),
        ] {
            assert_eq!(
                time_to_live(update_type).as_secs(),
                seconds,
                "{update_type}"
            );
        }
    }

    #[test]
    fn d5_the_pause_grows_inside_the_updates_life() {
        let seconds = |update_type| -> Vec<u64> {
            (0..9)
                .map(|n| redelivery_pause(update_type, n).as_secs())
                .collect()
        };
        assert_eq!(
            seconds(UpdateType::Message),
            [1, 1, 2, 4, 8, 16, 32, 60, 60]
        );
        assert_eq!(
            seconds(UpdateType::InlineQuery),
            [1, 1, 2, 3, 3, 3, 3, 3, 3]
        );
        assert_eq!(seconds(UpdateType::CallbackQuery)[8], 15);
        assert_eq!(seconds(UpdateType::ChosenInlineResult)[8], 60);
    }
}
