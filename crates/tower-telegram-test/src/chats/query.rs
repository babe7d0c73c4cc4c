//! A query that the bot has to answer.

use tokio::time::Instant;

/// A query that the bot may answer once.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(super) is_answered: bool,
    /// The time until which it can be answered.
    pub(super) ends_at: Instant,
}
