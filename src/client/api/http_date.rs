//! Reads the dates of HTTP headers.

use http::HeaderValue;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Returns the Unix seconds of a date in one of the three forms of
/// [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7).
pub(super) fn unix_seconds(value: &HeaderValue) -> Option<i64> {
    let text = value.to_str().ok()?;
    let words: Vec<&str> = text
        .split([' ', ',', '-'])
        .filter(|word| !word.is_empty())
        .collect();
    // `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, or `Sun Nov  6 08:49:37 1994`
    let ([_, day, month, year, time, "GMT"] | [_, month, day, time, year]) = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let date = days(full_year(year)?, month, number(day)?)?;
    Some(date * 86_400 + seconds_of_day(time)?)
}

fn number(digits: &str) -> Option<i64> {
    let is_short = (1..=4).contains(&digits.len());
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    (is_short && all_digits).then(|| digits.parse().ok())?
}

/// A year of two digits is one from 1970 to 2069.
fn full_year(year: &str) -> Option<i64> {
    let number = number(year)?;
    Some(match (year.len(), number) {
        (2, 0..70) => 2000 + number,
        (2, _) => 1900 + number,
        _ => number,
    })
}

fn seconds_of_day(time: &str) -> Option<i64> {
    let mut parts = time.split(':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is the sixty-first.
    let is_time = hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    is_time.then_some((hour * 60 + minute) * 60 + second)
}

/// The days since the beginning of 1970. January is month 0.
fn days(year: i64, month: usize, day: i64) -> Option<i64> {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    const LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let leap_day = i64::from(is_leap && month == 1);
    if !(1970..=9999).contains(&year) || !(1..=LENGTHS[month] + leap_day).contains(&day) {
        return None;
    }
    let last = year - 1;
    let leap_years = (last / 4 - last / 100 + last / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let this_leap_day = i64::from(is_leap && month > 1);
    Some((year - 1970) * 365 + leap_years + BEFORE[month] + this_leap_day + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f15_dates_of_all_three_forms_are_read() {
        for (date, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Fri, 01 Jan 2100 00:00:00 GMT", 4_102_444_800),
        ] {
            let value = HeaderValue::from_static(date);
            assert_eq!(unix_seconds(&value), Some(seconds), "{date}");
        }
    }

    #[test]
    fn f15_other_texts_are_no_dates() {
        for odd in [
            "",
            "GMT",
            "Mon, 29 Feb 2100 00:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 19940 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
        ] {
            let value = HeaderValue::from_static(odd);
            assert_eq!(unix_seconds(&value), None, "{odd}");
        }
    }
}
