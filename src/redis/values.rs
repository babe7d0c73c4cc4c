//! Times and numbers in the arguments and replies of scripts.

use std::{str::FromStr, time::Duration};

use super::connection::Error;

/// The longest time for which Telegram tries to deliver an update.
pub(super) const MAX_DELIVERY_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest lease that can still be renewed in time.
pub(super) const MIN_LEASE: Duration = Duration::from_millis(100);

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn number<T: FromStr>(digits: &[u8]) -> Result<T, Error> {
    let digits = std::str::from_utf8(digits).map_err(|_| Error::Unreadable)?;
    digits.parse().map_err(|_| Error::Unreadable)
}
