//! Dates of HTTP headers.

use std::time::UNIX_EPOCH;

use http::HeaderValue;

/// The Unix seconds of a date in one of the three forms of
/// [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7). `None` for any other text.
pub(crate) fn parse_unix_seconds(value: &HeaderValue) -> Option<i64> {
    let date = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
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
            assert_eq!(parse_unix_seconds(&value), Some(seconds), "{date}");
        }
    }

    #[test]
    fn f15_other_texts_are_no_dates() {
        for odd in [
            "",
            "GMT",
            "now",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 19940 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
        ] {
            let value = HeaderValue::from_static(odd);
            assert_eq!(parse_unix_seconds(&value), None, "{odd}");
        }
    }
}
