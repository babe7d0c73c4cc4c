//! The layer that follows migrated groups.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{migrations::Migrations, service::MigrateChat};
use crate::types::ChatId;

/// Repeats calls to a group that has become a supergroup with the supergroup's id. See the
/// [module](crate::client::migrate_chat).
///
/// Clones of the layer, and the services made with them, share the migrations that they remember.
///
/// ```
/// use tower_telegram::client::MigrateChatLayer;
///
/// let layer = MigrateChatLayer::new().on_migrate(|group, supergroup| {
///     println!("store {supergroup} in the place of {group}");
/// });
/// # let _ = layer;
/// ```
#[derive(Clone)]
pub struct MigrateChatLayer {
    migrations: Migrations,
}

impl MigrateChatLayer {
    /// Remembers the last 10,000 migrations.
    pub fn new() -> Self {
        Self {
            migrations: Migrations::new(10_000),
        }
    }

    /// How many migrations are remembered at most. Default: 10,000. With 0, each call to an old id is refused
    /// before it is repeated.
    pub fn max_remembered(mut self, migrations: usize) -> Self {
        self.migrations.max_remembered = migrations;
        self
    }

    /// Calls `hook` with the old id and the new one when a migration is found that isn't remembered. The call
    /// waits for the hook: move slow work to a task.
    pub fn on_migrate<F>(mut self, hook: F) -> Self
    where
        F: Fn(&ChatId, i64) + Send + Sync + 'static,
    {
        self.migrations.hook = Some(Arc::new(hook));
        self
    }
}

impl Default for MigrateChatLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MigrateChatLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrateChatLayer")
            .field("max_remembered", &self.migrations.max_remembered)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for MigrateChatLayer {
    type Service = MigrateChat<S>;

    fn layer(&self, inner: S) -> MigrateChat<S> {
        MigrateChat::new(inner, self.migrations.clone())
    }
}
