//! The wait that a server asks for, in the header `Retry-After` or in the body of a refusal.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};

use super::http_date::parse_unix_seconds;

/// The words of a description before the seconds.
const PREFIX: &str = "retry after ";

/// The wait of a refusal: from its parameters, or else the header, or else its description.
///
/// The first one that isn't zero counts, because a server that writes 0 where it means nothing may still name
/// the real wait elsewhere.
pub(in crate::client) fn choose(
    parameter: Option<Duration>,
    header: Option<Duration>,
    description: &str,
) -> Option<Duration> {
    let candidates = [parameter, header, in_description(description)];
    first_above_zero(candidates.into_iter().flatten())
}

/// The wait in the header [`Retry-After`](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3): seconds, or a date.
/// `None` without the header, or with another text in it. Of several waits, the first that isn't zero; zero for a date
/// that has passed.
///
/// A date is compared with the header `Date`, so that the clocks of both machines needn't agree, or else with the clock
/// of this machine.
pub(crate) fn in_header(headers: &HeaderMap) -> Option<Duration> {
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
    let text = value.to_str().ok()?;
    let Some(until) = parse_unix_seconds(value) else {
        // A proxy may have joined several headers. Without a space it may be a comma for thousands.
        let parts = text.split(", ").filter_map(|part| decimal(part.trim()));
        return first_above_zero(parts);
    };
    let date = headers.get(header::DATE).and_then(parse_unix_seconds);
    let now = date.or_else(local_time)?;
    let left = u64::try_from(until - now).unwrap_or(0);
    Some(Duration::from_secs(left))
}

/// Unix time by the clock of this machine.
fn local_time() -> Option<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.ok()?.as_secs()).ok()
}

/// Seconds in digits. The RFC has no fractions, but some gateways write them.
fn decimal(text: &str) -> Option<Duration> {
    let is_decimal = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_decimal.then(|| in_json(text))?
}

/// The wait in a description such as `Too Many Requests: retry after 7`.
fn in_description(description: &str) -> Option<Duration> {
    let text = description.to_ascii_lowercase();
    // The words may also stand where no number follows.
    let rests = text.split(PREFIX).skip(1);
    first_above_zero(rests.filter_map(first_decimal))
}

/// The decimal that a text begins with.
fn first_decimal(text: &str) -> Option<Duration> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(text);
    if let Some(fraction) = text[end..].strip_prefix('.') {
        end += 1 + digits(fraction);
    }
    decimal(&text[..end])
}

/// The wait that a JSON value names. Telegram writes an integer; other servers write a fraction or a string.
pub(in crate::client) fn in_json(raw: &str) -> Option<Duration> {
    let seconds: f64 = raw.trim_matches('"').parse().ok()?;
    if seconds.is_nan() || seconds < 0.0 {
        return None;
    }
    // More seconds than a duration holds, infinity included.
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f15_headers_that_a_proxy_joined_are_read_one_by_one() {
        for (value, seconds) in [
            ("7", Some(7)),
            ("7, 30", Some(7)),
            ("0, 30", Some(30)),
            ("1,000", None),
            ("soon, 30", Some(30)),
            ("soon, later", None),
            (",", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(value));
            assert_eq!(
                in_header(&headers),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }

    #[test]
    fn f15_a_wait_is_read_from_the_words_of_a_description() {
        for (description, millis) in [
            ("Too Many Requests: retry after 7", Some(7000)),
            ("Too Many Requests: Retry After 7 seconds", Some(7000)),
            ("retry after 7.", Some(7000)),
            ("retry after 7...", Some(7000)),
            ("retry after 1.9", Some(1900)),
            ("retry after 1.9.", Some(1900)),
            ("retry after 0.5 s", Some(500)),
            ("retry after 1.5.2", Some(1500)),
            ("can't retry after all: retry after 7", Some(7000)),
            ("retry after retry after 7", Some(7000)),
            ("retry after 0, retry after 7", Some(7000)),
            ("retry after 0", Some(0)),
            ("retry after -7", None),
            ("retry after .5", None),
            ("retry after a while", None),
            ("retry after ", None),
            ("Too Many Requests", None),
            ("", None),
        ] {
            let expected = millis.map(Duration::from_millis);
            assert_eq!(in_description(description), expected, "{description}");
        }
    }
}
