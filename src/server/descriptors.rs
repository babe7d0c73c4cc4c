//! The number of files that this process may have open.

use std::fs;

/// Enough for every connection that Telegram opens (100 for a bot), and few enough for the usual
/// limit of 1024 files to leave the rest of the program its own.
const MAX_CONNECTIONS: usize = 512;

/// The default for the number of connections.
pub(super) fn default_connections() -> usize {
    let limits = fs::read_to_string("/proc/self/limits");
    let soft = limits.ok().and_then(|limits| soft_limit(&limits));
    soft.map_or(MAX_CONNECTIONS, |files| {
        (files / 2).clamp(1, MAX_CONNECTIONS)
    })
}

/// The limit as Linux writes it. `None` on other systems, and if there is no limit.
fn soft_limit(limits: &str) -> Option<usize> {
    let mut lines = limits.lines();
    let numbers = lines.find_map(|line| line.strip_prefix("Max open files"))?;
    numbers.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_as_linux_writes_it() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max processes             127574               127574               processes \n\
            Max open files            1024                 1048576              files     \n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(soft_limit(&limits.replace("1024 ", "unlimited ")), None);
        assert_eq!(soft_limit(""), None);
        assert!((1..=MAX_CONNECTIONS).contains(&default_connections()));
    }
}
