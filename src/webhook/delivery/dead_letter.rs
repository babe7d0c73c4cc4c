//! Dead letters: updates that were abandoned, and the hook that takes them.

use std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use futures_util::FutureExt as _;

use crate::webhook::{Failure, RawUpdate};

/// An update that was abandoned.
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

type HookFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The hook that takes abandoned updates.
#[derive(Clone)]
pub(super) struct DeadLetterHook(Arc<dyn Fn(DeadLetter) -> HookFuture + Send + Sync>);

impl DeadLetterHook {
    pub(super) fn new<F, Fut>(hook: F) -> Self
    where
        F: Fn(DeadLetter) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |letter| Box::pin(hook(letter))))
    }

    /// Hands a letter over.
    ///
    /// # Errors
    ///
    /// When the hook panics.
    pub(super) async fn call(&self, letter: DeadLetter) -> Result<(), Failure> {
        let taken = AssertUnwindSafe(async { (self.0)(letter).await });
        let taken = taken.catch_unwind().await;
        taken.map_err(|panic| Failure::panic(&*panic))
    }
}

impl fmt::Debug for DeadLetterHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeadLetterHook")
    }
}
