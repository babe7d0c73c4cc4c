//! The settings of polling.

use std::{sync::Arc, time::Duration};

use super::page::UnreadableUpdate;
use crate::{Client, types::AllowedUpdates, webhook::delivery::dead_letter::DeadLetterHook};

/// Called with each element that is no update.
pub(super) type UnreadableUpdateHook = Arc<dyn Fn(&UnreadableUpdate) + Send + Sync>;

#[derive(Clone)]
pub(super) struct PollingSettings {
    pub(super) client: Client,
    pub(super) allowed_updates: AllowedUpdates,
    pub(super) timeout: Duration,
    pub(super) limit: u8,
    pub(super) concurrency: usize,
    pub(super) max_attempts: u32,
    pub(super) max_age: Option<Duration>,
    pub(super) shutdown_timeout: Duration,
    pub(super) delete_webhook: bool,
    pub(super) drop_pending: bool,
    pub(super) dead_letter: Option<DeadLetterHook>,
    pub(super) on_unreadable: Option<UnreadableUpdateHook>,
}
