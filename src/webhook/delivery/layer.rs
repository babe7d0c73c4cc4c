//! [`DeliveryLayer`] and its settings.

use std::{future::Future, sync::Arc};

use tower_layer::Layer;

use super::{
    backend::StoreBackend,
    dead_letter::{DeadLetter, DeadLetterHook},
    in_flight::InFlight,
    memory_store::MemoryStore,
    running_update::DeliveryState,
    service::DeliveryService,
    shutdown::DeliveryHandle,
    store::DeliveryStore,
    unrecorded_failures::UnrecordedFailures,
};

/// How many updates may be handled at the same time. Telegram opens up to 100 connections, and the updates whose
/// connections are gone count too.
const MAX_RUNNING: usize = 1000;

/// Handles each update once. See the [module](super).
///
/// All services of a layer and of its clones share one record of the running updates.
#[derive(Clone, Debug)]
pub struct DeliveryLayer {
    store: StoreBackend,
    in_flight: Arc<InFlight>,
    max_attempts: u32,
    dead_letter: Option<DeadLetterHook>,
    unrecorded: Arc<UnrecordedFailures>,
}

impl DeliveryLayer {
    /// Records handled updates in memory, for one process: [`MemoryStore`].
    pub fn new() -> Self {
        Self::with_backend(MemoryStore::new().into())
    }

    /// Records handled updates in a store, such as one that replicas share. Layers can share a store by an
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
            unrecorded: Arc::default(),
        }
    }

    /// How many attempts an update has before it is abandoned. Default: 5. 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// How many updates may be handled at the same time, including those whose connections are gone.
    /// Further ones are rejected with 503. Default: 1000. 0 counts as 1. It applies to all clones of the layer.
    pub fn max_running(self, updates: usize) -> Self {
        self.in_flight.set_max(updates.max(1));
        self
    }

    /// A hook that is called with each abandoned update. Telegram gets its response after the hook's future has
    /// ended. If that panics or takes longer than five minutes, the update isn't abandoned yet: Telegram sends it
    /// again, and the hook is called again, with the same failure. If the process was restarted in between, or another
    /// replica has the update now, that failure is that the previous attempt did not finish.
    ///
    /// An update that was [acknowledged early](crate::webhook::deadline) is abandoned too after ten minutes, or when a
    /// shutdown leaves no time for its next attempt or cancels its handler. If the hook fails then, it isn't called again.
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
    type Service = DeliveryService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeliveryService::new(
            inner,
            DeliveryState {
                store: self.store.clone(),
                in_flight: Arc::clone(&self.in_flight),
                max_attempts: self.max_attempts,
                dead_letter: self.dead_letter.clone(),
                unrecorded: Arc::clone(&self.unrecorded),
            },
        )
    }
}
