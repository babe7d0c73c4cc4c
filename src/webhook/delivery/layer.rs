//! The layer.

use std::{future::Future, sync::Arc};

use tower_layer::Layer;

use super::{
    backend::StoreBackend,
    dead_letter::{DeadLetter, DeadLetterHook},
    in_flight::InFlight,
    memory_store::MemoryStore,
    running_update::DeliveryState,
    service::Deduplicate,
    shutdown::DeliveryHandle,
    store::DeliveryStore,
};

/// How many updates may be handled at the same time. Telegram's own most is 100 connections; those whose
/// connections are gone count too.
const MAX_RUNNING: usize = 1000;

/// Handles each update once. See the [module](super).
///
/// What it makes shares one record of what runs, and so do its clones.
#[derive(Clone, Debug)]
pub struct DeliveryLayer {
    store: StoreBackend,
    in_flight: Arc<InFlight>,
    max_attempts: u32,
    dead_letter: Option<DeadLetterHook>,
}

impl DeliveryLayer {
    /// Remembers in memory: for one process.
    pub fn new() -> Self {
        Self::with_backend(MemoryStore::new().into())
    }

    /// Remembers in a store: one that replicas share, for example. Layers can share one by an
    /// [`Arc`].
    pub fn with_store(store: impl DeliveryStore) -> Self {
        Self::with_backend(StoreBackend::new(store))
    }

    fn with_backend(store: StoreBackend) -> Self {
        Self {
            store,
            in_flight: Arc::new(InFlight::new(MAX_RUNNING)),
            max_attempts: 5,
            dead_letter: None,
        }
    }

    /// How often an update is tried before it is abandoned. Default: 5. 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// How many updates may be handled at the same time, those included whose connections are gone.
    /// More are rejected with 503. Default: 1000. 0 counts as 1. It holds for all clones.
    pub fn max_running(self, updates: usize) -> Self {
        self.in_flight.set_max(updates.max(1));
        self
    }

    /// What takes an update that was abandoned. Telegram gets its response once the future is done; if
    /// that panics, or takes longer than five minutes, the update isn't abandoned yet.
    ///
    /// ```
    /// use tower_telegram::webhook::delivery::DeliveryLayer;
    ///
    /// let layer = DeliveryLayer::new().dead_letter(|letter| async move {
    ///     eprintln!("{}: {}", letter.update.update_id(), letter.failure);
    /// });
    /// ```
    pub fn dead_letter<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(DeadLetter) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.dead_letter = Some(DeadLetterHook::new(hook));
        self
    }

    /// A handle for graceful shutdown.
    pub fn handle(&self) -> DeliveryHandle {
        DeliveryHandle {
            in_flight: Arc::clone(&self.in_flight),
        }
    }
}

impl Default for DeliveryLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for DeliveryLayer {
    type Service = Deduplicate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deduplicate::new(
            inner,
            DeliveryState {
                store: self.store.clone(),
                in_flight: Arc::clone(&self.in_flight),
                max_attempts: self.max_attempts,
                dead_letter: self.dead_letter.clone(),
            },
        )
    }
}
