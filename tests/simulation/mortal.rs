//! A store as a process has it: what the process does after its death doesn't get there.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tower_telegram::{
    Reply,
    webhook::delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
};

/// Of one process. Its clones belong to the same.
#[derive(Clone, Debug)]
pub(crate) struct MortalStore<St> {
    inner: St,
    is_dead: Arc<AtomicBool>,
}

impl<St> MortalStore<St> {
    pub(crate) fn new(inner: St) -> Self {
        Self {
            inner,
            is_dead: Arc::default(),
        }
    }

    /// The process has died.
    pub(crate) fn die(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }

    async fn lives(&self) {
        if self.is_dead.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    }
}

impl<St: DeliveryStore> DeliveryStore for MortalStore<St> {
    async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
        self.lives().await;
        self.inner.claim(key).await
    }

    fn renew_every(&self) -> Option<Duration> {
        self.inner.renew_every()
    }

    async fn renew(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.lives().await;
        self.inner.renew(token).await
    }

    async fn finish(&self, token: &ClaimToken, reply: Option<&Reply>) -> Result<bool, StoreError> {
        self.lives().await;
        self.inner.finish(token, reply).await
    }

    async fn fail(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.lives().await;
        self.inner.fail(token).await
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.lives().await;
        self.inner.release(token).await
    }
}
