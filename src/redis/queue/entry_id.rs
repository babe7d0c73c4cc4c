//! The ids of a stream's entries: a time in milliseconds, a dash, and a number.

/// The least id that is greater, or `None` after the last id that a stream can have. Redis 6.2 would take `(` for
/// that.
pub(super) fn next_id(id: &str) -> Option<String> {
    let (time, number) = id.split_once('-').unwrap_or((id, "0"));
    let (Ok(time), Ok(number)) = (time.parse::<u64>(), number.parse::<u64>()) else {
        // Redis rejects it with an error.
        return Some(id.to_owned());
    };
    let (time, number) = match number.checked_add(1) {
        Some(number) => (time, number),
        None => (time.checked_add(1)?, 0),
    };
    Some(format!("{time}-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d31_paging_ends_after_the_last_id_of_all() {
        for (id, next) in [
            ("5-0", Some("5-1")),
            ("5", Some("5-1")),
            ("5-18446744073709551615", Some("6-0")),
            (
                "18446744073709551615-18446744073709551614",
                Some("18446744073709551615-18446744073709551615"),
            ),
            ("18446744073709551615-18446744073709551615", None),
            ("no id", Some("no id")),
        ] {
            assert_eq!(next_id(id).as_deref(), next, "{id}");
        }
    }
}
