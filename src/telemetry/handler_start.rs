//! The beginning of an update's handler, for the histogram of the handler's own time.

#[cfg(feature = "metrics")]
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Extensions;

#[cfg(feature = "metrics")]
use crate::task::clock::Instant;

/// When the handler of an attempt began, in the extensions of the update's request. Without the feature `metrics` it isn't
/// there.
///
/// `TraceUpdatesLayer` inserts it, as if the handler began at once. The layers below that have an update wait, or that respond
/// in place of the handler, correct it.
#[derive(Clone, Debug)]
pub(crate) struct HandlerStart {
    #[cfg(feature = "metrics")]
    began: Arc<Mutex<Option<Instant>>>,
}

#[cfg(feature = "metrics")]
impl HandlerStart {
    pub(crate) fn insert(extensions: &mut Extensions) -> Self {
        let start = Self {
            began: Arc::new(Mutex::new(Some(Instant::now()))),
        };
        extensions.insert(start.clone());
        start
    }

    /// The update isn't with its handler: it waits for its turn, or a layer responds.
    pub(crate) fn clear(extensions: &Extensions) {
        if let Some(start) = extensions.get::<Self>() {
            start.unset();
        }
    }

    /// The same, for a layer that learns it from the response, when the request is gone.
    pub(crate) fn unset(&self) {
        *self.began() = None;
    }

    /// The update's turn has come.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) fn set_now(extensions: &Extensions) {
        if let Some(start) = extensions.get::<Self>() {
            *start.began() = Some(Instant::now());
        }
    }

    /// How long the handler has run. `None` if it hasn't begun.
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        self.began().map(|began| began.elapsed())
    }

    fn began(&self) -> MutexGuard<'_, Option<Instant>> {
        self.began.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(not(feature = "metrics"))]
impl HandlerStart {
    #[inline]
    pub(crate) fn insert(_: &mut Extensions) -> Self {
        Self {}
    }

    #[inline]
    pub(crate) fn clear(_: &Extensions) {}

    #[inline]
    #[allow(clippy::unused_self)]
    pub(crate) fn unset(&self) {}

    #[inline]
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) fn set_now(_: &Extensions) {}

    #[inline]
    #[allow(clippy::unused_self)]
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        None
    }
}
