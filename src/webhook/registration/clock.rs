//! Telegram's clock, by the dates of its responses, of its errors and of updates.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use http::HeaderValue;
use tokio::time::Instant;

use crate::{client::http_date::parse_unix_seconds, types::WebhookInfo};

/// Telegram's clock, by the calls of `getWebhookInfo`. Dates are in Unix seconds.
#[derive(Debug, Default)]
pub(super) struct TelegramClock {
    /// How far Telegram's clock is ahead of ours, as far as the dates in its responses show.
    ahead: i64,
    last: Option<LastLook>,
}

#[derive(Debug)]
struct LastLook {
    at: Instant,
    newest: Option<i64>,
}

impl TelegramClock {
    /// Telegram's time, when it has just returned this.
    pub(super) fn look(
        &mut self,
        date: Option<&HeaderValue>,
        info: &WebhookInfo,
        updates: &UpdateDates,
    ) -> i64 {
        let told = date.and_then(parse_unix_seconds);
        let at = Instant::now();
        let now = self.look_at(told, info, unix_seconds(), at);
        if told.is_some() {
            return now;
        }
        // It can't be earlier than the date of an update that is here.
        updates
            .earliest_now(at)
            .map_or(now, |earliest| now.max(earliest))
    }

    fn look_at(&mut self, told: Option<i64>, info: &WebhookInfo, ours: i64, at: Instant) -> i64 {
        let newest = info
            .last_error_date
            .max(info.last_synchronization_error_date);
        let last = self.last.replace(LastLook { at, newest });
        if let Some(told) = told {
            self.ahead = told.saturating_sub(ours);
            return told;
        }
        let now = ours.saturating_add(self.ahead);
        let now = newest.map_or(now, |newest| {
            // An error since the last call can't be older than that call.
            let is_new = last.as_ref().filter(|last| last.newest < Some(newest));
            let latest = is_new.map_or(now, |last| newest.saturating_add(seconds(last.at, at)));
            now.min(latest).max(newest)
        });
        self.ahead = now.saturating_sub(ours);
        now
    }
}

/// The newest date of an update, which Telegram's clock has passed.
#[derive(Debug, Default)]
pub(super) struct UpdateDates {
    newest: Mutex<Option<(i64, Instant)>>,
}

impl UpdateDates {
    pub(super) fn observe(&self, date: i64) {
        self.observe_at(date, Instant::now());
    }

    fn observe_at(&self, date: i64, at: Instant) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if earliest_now(*newest, at).is_none_or(|earliest| earliest < date) {
            *newest = Some((date, at));
        }
    }

    fn earliest_now(&self, at: Instant) -> Option<i64> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        earliest_now(*newest, at)
    }
}

/// The date, and the whole seconds since it was observed.
fn earliest_now(newest: Option<(i64, Instant)>, at: Instant) -> Option<i64> {
    let (date, observed) = newest?;
    let elapsed = at.saturating_duration_since(observed).as_secs();
    Some(date.saturating_add(i64::try_from(elapsed).unwrap_or(i64::MAX)))
}

/// Rounded up.
fn seconds(from: Instant, to: Instant) -> i64 {
    let elapsed = to.duration_since(from).as_secs();
    i64::try_from(elapsed).unwrap_or(i64::MAX).saturating_add(1)
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: i64 = 60;

    fn failed(at: i64) -> WebhookInfo {
        let json = format!(
            r#"{{"url":"x","has_custom_certificate":false,"pending_update_count":0,"last_error_date":{at}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn g10_the_date_of_the_response_is_telegrams_time() {
        let mut clock = TelegramClock::default();
        let at = Instant::now();
        for told in [1000, 900, 5000] {
            assert_eq!(clock.look_at(Some(told), &failed(1), 7 * MINUTE, at), told);
        }
        // It is remembered for a response without one.
        assert_eq!(clock.look_at(None, &failed(1), 8 * MINUTE, at), 5060);
    }

    #[test]
    fn g10_an_error_that_is_new_shows_that_our_clock_is_ahead() {
        let mut clock = TelegramClock::default();
        let (telegrams, fast) = (1_000_000, 1_000_000 + 6 * MINUTE);
        let begun = Instant::now();
        let later = |seconds: u64| begun + Duration::from_secs(seconds);
        // The first look can't tell it from an error of six minutes ago.
        assert_eq!(clock.look_at(None, &failed(telegrams), fast, begun), fast);
        let error = failed(telegrams + 50);
        let now = clock.look_at(None, &error, fast + 60, later(60));
        assert!((telegrams + 60..=telegrams + 111).contains(&now), "{now}");
        // It stays known, as the same error grows older.
        let now = clock.look_at(None, &error, fast + 120, later(120));
        assert!((telegrams + 120..=telegrams + 171).contains(&now), "{now}");
    }

    #[test]
    fn g10_a_date_ahead_of_our_clock_shows_that_ours_is_behind() {
        let mut clock = TelegramClock::default();
        let at = Instant::now();
        assert_eq!(clock.look_at(None, &failed(5000), 1000, at), 5000);
        let later = at + Duration::from_secs(60);
        assert_eq!(clock.look_at(None, &failed(5000), 1060, later), 5060);
    }

    #[test]
    fn g10_an_error_that_is_forgotten_makes_no_other_new() {
        let mut clock = TelegramClock::default();
        let at = Instant::now();
        let synchronization = |last_error: &str| -> WebhookInfo {
            let json = format!(
                r#"{{"url":"x","has_custom_certificate":false,"pending_update_count":0,"last_synchronization_error_date":1000{last_error}}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let both = synchronization(r#","last_error_date":5000"#);
        assert_eq!(clock.look_at(None, &both, 6000, at), 6000);
        assert_eq!(clock.look_at(None, &synchronization(""), 6060, at), 6060);
    }

    #[test]
    fn g10_telegrams_clock_is_not_behind_the_newest_update() {
        let begun = Instant::now();
        let later = |seconds: u64| begun + Duration::from_secs(seconds);
        let updates = UpdateDates::default();
        assert_eq!(updates.earliest_now(begun), None);
        updates.observe_at(1000, begun);
        assert_eq!(updates.earliest_now(later(60)), Some(1060));
        // One that has waited says nothing.
        updates.observe_at(1030, later(60));
        assert_eq!(updates.earliest_now(later(60)), Some(1060));
        updates.observe_at(1090, later(60));
        assert_eq!(updates.earliest_now(later(61)), Some(1091));
        updates.observe_at(i64::MAX, later(60));
        assert_eq!(updates.earliest_now(later(61)), Some(i64::MAX));
    }

    #[test]
    fn dates_at_the_ends_of_time_are_no_trouble() {
        let mut clock = TelegramClock::default();
        let at = Instant::now();
        for date in [i64::MIN, i64::MAX, 0] {
            for ours in [0, i64::MAX] {
                clock.look_at(None, &failed(date), ours, at);
                clock.look_at(Some(date), &failed(date), ours, at);
            }
        }
    }
}
