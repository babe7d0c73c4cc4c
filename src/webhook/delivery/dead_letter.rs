//! Dead letters: updates that were abandoned, and the hook that takes them.

use std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt as _;

use crate::webhook::{Failure, RawUpdate};

/// An update that was abandoned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The update.
    pub update: RawUpdate,
    /// The failure of the last attempt.
    pub failure: Failure,
    /// How many attempts it had. 0 for an update that was [acknowledged early](crate::webhook::deadline) and then deferred
    /// each time.
    pub attempts: u32,
}

type HookFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How long the hook may take. It holds up its update, and no other of its chat comes before that has ended.
const MAX_TIME: Duration = Duration::from_secs(5 * 60);

/// The hook that takes abandoned updates.
#[derive(Clone)]
pub(crate) struct DeadLetterHook(Arc<dyn Fn(DeadLetter) -> HookFuture + Send + Sync>);

impl DeadLetterHook {
    pub(crate) fn new<F, Fut>(hook: F) -> Self
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
    /// When the hook panics, or doesn't end.
    pub(crate) async fn call(&self, letter: DeadLetter) -> Result<(), Failure> {
        let taken = AssertUnwindSafe(async { (self.0)(letter).await });
        match tokio::time::timeout(MAX_TIME, taken.catch_unwind()).await {
            Ok(taken) => taken.map_err(|panic| Failure::panic(&*panic)),
            Err(_) => Err(Failure::error(
                "the dead-letter hook took longer than five minutes".into(),
            )),
        }
    }
}

impl fmt::Debug for DeadLetterHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeadLetterHook")
    }
}
