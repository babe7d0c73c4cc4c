//! The store of a delivery layer: the one in memory as it is, or any other behind a pointer, so that no type above
//! names a store.

use std::{
    fmt,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use super::{
    memory_store::MemoryStore,
    store::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
};
use crate::{Reply, client::ErrorChain};

/// How often a claim is renewed at most.
const MIN_RENEWAL: Duration = Duration::from_millis(10);

#[derive(Clone)]
pub(super) enum StoreBackend {
    /// Without a box for each step: most bots are one process.
    Memory(Arc<MemoryStore>),
    Other(Arc<dyn ErasedStore>),
}

impl StoreBackend {
    pub(super) fn new(store: impl DeliveryStore) -> Self {
        Self::Other(Arc::new(AnyStore(store)))
    }

    pub(super) async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        match self {
            Self::Memory(store) => store.claim(key).await,
            Self::Other(store) => store.claim(key).await,
        }
    }

    pub(super) fn renew_every(&self) -> Option<Duration> {
        let every = match self {
            Self::Memory(store) => store.renew_every(),
            Self::Other(store) => store.renew_every(),
        };
        // A pause of zero would be no pause, and a timer takes none.
        every.map(|every| every.max(MIN_RENEWAL))
    }

    pub(super) async fn renew(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        match self {
            Self::Memory(store) => store.renew(token).await,
            Self::Other(store) => store.renew(token).await,
        }
    }

    pub(super) async fn finish(
        &self,
        token: &ClaimToken,
        reply: Option<&Reply>,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Memory(store) => store.finish(token, reply).await,
            Self::Other(store) => store.finish(token, reply).await,
        }
    }

    pub(super) async fn fail(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        match self {
            Self::Memory(store) => store.fail(token).await,
            Self::Other(store) => store.fail(token).await,
        }
    }

    pub(super) async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        match self {
            Self::Memory(store) => store.release(token).await,
            Self::Other(store) => store.release(token).await,
        }
    }
}

/// The rest of releasing a claim, for a task.
pub(super) type GivingBack = Pin<Box<dyn Future<Output = ()> + Send>>;

impl StoreBackend {
    /// Ends the claim of an update whose owner is gone, from code that can't await. A store in memory is done at
    /// once; the rest of any other's work is returned, for a task.
    pub(super) fn give_back(&self, token: ClaimToken, has_failed: bool) -> Option<GivingBack> {
        let store = self.clone();
        let mut ending: GivingBack = Box::pin(async move {
            let ended = if has_failed {
                store.fail(&token).await
            } else {
                store.release(&token).await
            };
            if let Err(error) = ended {
                let error = ErrorChain(&error);
                let update_id = token.key.update_id;
                tracing::error!(%error, update_id, "failed to release delivery claim");
            }
        });
        let mut cx = Context::from_waker(Waker::noop());
        // A store that panics mustn't do so while another panic unwinds.
        let polled = AssertUnwindSafe(|| ending.as_mut().poll(&mut cx).is_pending());
        let is_pending = panic::catch_unwind(polled).unwrap_or(false);
        is_pending.then_some(ending)
    }
}

impl From<MemoryStore> for StoreBackend {
    fn from(store: MemoryStore) -> Self {
        Self::Memory(Arc::new(store))
    }
}

impl fmt::Debug for StoreBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(_) => f.write_str("MemoryStore"),
            Self::Other(store) => f.write_str(store.type_name()),
        }
    }
}

type StoreStep<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A [`DeliveryStore`] as a trait object.
pub(super) trait ErasedStore: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn claim(&self, key: DeliveryKey) -> StoreStep<'_, Claim>;
    fn renew_every(&self) -> Option<Duration>;
    fn renew<'a>(&'a self, token: &'a ClaimToken) -> StoreStep<'a, bool>;
    fn finish<'a>(&'a self, token: &'a ClaimToken, reply: Option<&'a Reply>)
    -> StoreStep<'a, bool>;
    fn fail<'a>(&'a self, token: &'a ClaimToken) -> StoreStep<'a, bool>;
    fn release<'a>(&'a self, token: &'a ClaimToken) -> StoreStep<'a, bool>;
}

/// Its own type, so that a store's own methods stay the only ones of their names.
struct AnyStore<S>(S);

impl<S: DeliveryStore> ErasedStore for AnyStore<S> {
    fn type_name(&self) -> &'static str {
        std::any::type_name::<S>()
    }

    fn claim(&self, key: DeliveryKey) -> StoreStep<'_, Claim> {
        Box::pin(self.0.claim(key))
    }

    fn renew_every(&self) -> Option<Duration> {
        self.0.renew_every()
    }

    fn renew<'a>(&'a self, token: &'a ClaimToken) -> StoreStep<'a, bool> {
        Box::pin(self.0.renew(token))
    }

    fn finish<'a>(
        &'a self,
        token: &'a ClaimToken,
        reply: Option<&'a Reply>,
    ) -> StoreStep<'a, bool> {
        Box::pin(self.0.finish(token, reply))
    }

    fn fail<'a>(&'a self, token: &'a ClaimToken) -> StoreStep<'a, bool> {
        Box::pin(self.0.fail(token))
    }

    fn release<'a>(&'a self, token: &'a ClaimToken) -> StoreStep<'a, bool> {
        Box::pin(self.0.release(token))
    }
}
