//! How long a refusal asks to be left alone.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use super::http_date::unix_seconds;
use crate::client::Error;

/// The words of a refusal before the seconds.
const WORDS: &str = "retry after ";

/// The error with the wait that the header names, or else its words, where it has none by itself.
pub(super) fn with_wait(error: Error, header: Option<Duration>) -> Error {
    if error.retry_after().is_some() {
        return error;
    }
    let wait = header.or_else(|| in_words(error.description()?));
    error.with_retry_after(wait)
}

/// The wait in the header `Retry-After`: seconds, or a date by the server's own clock.
pub(super) fn in_header(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?;
    if let Some(seconds) = value.to_str().ok().and_then(|text| whole(text.trim())) {
        return Some(seconds);
    }
    let until = unix_seconds(value)?;
    let date = headers.get(header::DATE).and_then(unix_seconds);
    let now = date.or_else(here)?;
    let left = u64::try_from(until - now).unwrap_or(0);
    Some(Duration::from_secs(left))
}

/// What time it is by the clock of this machine.
fn here() -> Option<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.ok()?.as_secs()).ok()
}

/// Digits alone; more than fit are as many seconds as there can be.
fn whole(digits: &str) -> Option<Duration> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

/// The wait in the words `retry after N`.
fn in_words(description: &str) -> Option<Duration> {
    let words = description.to_ascii_lowercase();
    let (_, rest) = words.split_once(WORDS)?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    whole(&rest[..end.unwrap_or(rest.len())])
}

/// The wait that a JSON value names: Telegram writes an integer, and others a fraction or a text.
pub(super) fn in_json(raw: &str) -> Option<Duration> {
    let seconds: f64 = raw.trim_matches('"').parse().ok()?;
    if seconds.is_nan() || seconds < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
