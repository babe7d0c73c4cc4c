//! What becomes of an update that fails again and again.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use crate::webhook::{Failure, RawUpdate};

/// An update that was given up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The update.
    pub update: RawUpdate,
    /// What went wrong the last time.
    pub failure: Failure,
    /// How often it was tried.
    pub attempts: u32,
}

type Sent = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who takes the updates that were given up.
#[derive(Clone)]
pub(super) struct DeadLetterHook(Arc<dyn Fn(DeadLetter) -> Sent + Send + Sync>);

impl DeadLetterHook {
    pub(super) fn new<F, Fut>(hook: F) -> Self
    where
        F: Fn(DeadLetter) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |letter| Box::pin(hook(letter))))
    }

    pub(super) fn call(&self, letter: DeadLetter) -> Sent {
        (self.0)(letter)
    }
}

impl fmt::Debug for DeadLetterHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeadLetterHook")
    }
}
