//! Parser for the date of an HTTP header.

use http::HeaderValue;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Unix seconds of `Sun, 06 Nov 1994 08:49:37 GMT`, the form that servers write. `None` for any other text.
pub(super) fn read(value: &HeaderValue) -> Option<i64> {
    let text = value.to_str().ok()?;
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let mut next = || words.next();
    let (day, month, year) = (
        number(next()?, 1, 31)?,
        next()?,
        number(next()?, 1970, 9999)?,
    );
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    let mut time = next()?.split(':');
    let hour = number(time.next()?, 0, 23)?;
    let minute = number(time.next()?, 0, 59)?;
    // A leap second.
    let second = number(time.next()?, 0, 60)?;
    let is_whole = time.next().is_none() && next() == Some("GMT") && next().is_none();
    is_whole.then(|| {
        let days = days_from_epoch(year, month, day);
        ((days * 24 + hour) * 60 + minute) * 60 + second
    })
}

fn number(digits: &str, least: i64, most: i64) -> Option<i64> {
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_plain)?;
    (least..=most).contains(&number).then_some(number)
}

/// Years begin in March here, so that a leap day is the last of its year.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_BEFORE_EPOCH: i64 = 719_468;
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days_before_month = (153 * month + 2) / 5;
    year * 365 + leap_days + days_before_month + day - 1 - DAYS_BEFORE_EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_a_header_is_read() {
        let read = |text: &'static str| read(&HeaderValue::from_static(text));
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Fri, 31 Dec 2100 12:00:00 GMT", 4_133_937_600),
            ("Fri, 27 Nov 2026 00:10:00 GMT", 1_795_738_200),
        ] {
            assert_eq!(read(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "now",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37:1 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
