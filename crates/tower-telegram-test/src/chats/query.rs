//! A query that the bot has to answer.

use tokio::time::Instant;

/// A query, until it is answered and after.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(super) is_answered: bool,
    /// Until when it can be.
    pub(super) ends_at: Instant,
}
