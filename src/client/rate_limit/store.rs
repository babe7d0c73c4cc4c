//! The trait of what keeps what was sent when.

use std::{future::Future, time::Duration};

use super::policy::ChatScope;

/// What a limiter asks about, and tells. The scope is a chat, or all calls together where none is
/// given.
///
/// The queues are no business of a store: where several replicas share one, each keeps its own.
pub(super) trait Store: Send + Sync {
    /// How long there is no room in this scope, where there is none.
    fn shut_for(&self, scope: Option<&ChatScope>) -> impl Future<Output = Option<Duration>> + Send;

    /// Takes a call down, in its chat's scope and that of all, or in neither where one of them has
    /// no room. Whether there was.
    fn take(&self, chat: Option<&ChatScope>) -> impl Future<Output = bool> + Send;

    /// Shuts a scope for some time, as Telegram has refused a call.
    fn pause(&self, scope: Option<&ChatScope>, time: Duration) -> impl Future<Output = ()> + Send;
}
