//! A polled update whose handler has ended, and which isn't recorded as handled before its reply is sent.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::{Arc, PoisonError},
};

use super::running_update::InFlightGuard;
use crate::task::sync::Mutex;

/// In the extensions of a response to polling, whose replies the client sends: the claim of the update, which is held
/// until the reply's call has ended. Dropped before, it releases the claim, and the attempt isn't counted.
#[derive(Clone)]
pub(crate) struct UnrecordedUpdate {
    guard: Arc<Mutex<Option<InFlightGuard>>>,
}

impl UnrecordedUpdate {
    pub(super) fn new(guard: InFlightGuard) -> Self {
        Self {
            guard: Arc::new(Mutex::new(Some(guard))),
        }
    }

    /// Renews the claim while the reply is sent, then records that the update was handled.
    pub(crate) async fn record_after(self, sending: impl Future<Output = ()>) {
        let guard = self
            .guard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match guard {
            Some(guard) => guard.record_after(pin!(sending)).await,
            None => sending.await,
        }
    }
}

impl fmt::Debug for UnrecordedUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnrecordedUpdate").finish_non_exhaustive()
    }
}
