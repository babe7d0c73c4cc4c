//! The wait that a refusal asks for.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};

use super::http_date::unix_seconds;

/// The words of a description before the seconds.
const PREFIX: &str = "retry after ";

/// The wait of a refusal: from its parameters, or else the header, or else its description.
///
/// The first one that isn't zero counts, because a server that writes 0 where it means nothing may still name
/// the real wait elsewhere.
pub(super) fn choose(
    parameter: Option<Duration>,
    header: Option<Duration>,
    description: &str,
) -> Option<Duration> {
    let candidates = [parameter, header, in_description(description)];
    first_above_zero(candidates.into_iter().flatten())
}

/// The wait in the header `Retry-After`: seconds, or a date by the server's own clock.
pub(super) fn in_header(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(header::RETRY_AFTER).iter();
    first_above_zero(values.filter_map(|value| in_header_value(value, headers)))
}

/// Zero only where there is no other.
fn first_above_zero(waits: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut zero = None;
    for wait in waits {
        if !wait.is_zero() {
            return Some(wait);
        }
        zero = Some(wait);
    }
    zero
}

fn in_header_value(value: &HeaderValue, headers: &HeaderMap) -> Option<Duration> {
    if let Some(seconds) = value.to_str().ok().and_then(|text| decimal(text.trim())) {
        return Some(seconds);
    }
    let until = unix_seconds(value)?;
    let date = headers.get(header::DATE).and_then(unix_seconds);
    let now = date.or_else(local_time)?;
    let left = u64::try_from(until - now).unwrap_or(0);
    Some(Duration::from_secs(left))
}

/// Unix time by the clock of this machine.
fn local_time() -> Option<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.ok()?.as_secs()).ok()
}

/// Seconds in digits, with a fraction or without. [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)
/// has none, and some gateways write one.
fn decimal(text: &str) -> Option<Duration> {
    let is_decimal = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_decimal.then(|| in_json(text))?
}

/// The wait in a description such as `Too Many Requests: retry after 7`.
fn in_description(description: &str) -> Option<Duration> {
    let text = description.to_ascii_lowercase();
    let (_, rest) = text.split_once(PREFIX)?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    decimal(&rest[..end.unwrap_or(rest.len())])
}

/// The wait that a JSON value names. Telegram writes an integer; other servers write a fraction or a string.
pub(super) fn in_json(raw: &str) -> Option<Duration> {
    let seconds: f64 = raw.trim_matches('"').parse().ok()?;
    if seconds.is_nan() || seconds < 0.0 {
        return None;
    }
    // More seconds than a duration holds, infinity included.
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
