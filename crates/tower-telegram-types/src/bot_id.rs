//! The number of a bot.

use std::fmt;

/// A bot's number: its user id, which is also the first part of its token.
///
/// Where several bots share an endpoint, `SecretTokenLayer` puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BotId(pub i64);

impl fmt::Display for BotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
