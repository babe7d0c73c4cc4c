//! Turns that replicas share.

use std::{error, fmt, future::Future, pin::Pin, sync::Arc};

use super::Lease;

/// A line for each chat (or what else the key is) that replicas share, for
/// [`SequenceLayer::with_lock`](super::SequenceLayer::with_lock).
///
/// `RedisLocks`, with the feature `redis`, is one. Write it for a database of your own:
///
/// 1. Of a key there is one guard at a time, however many replicas ask; other keys don't wait for it.
/// 2. A replica that dies mustn't keep its turns for ever: they have a lease.
/// 3. A replica asks at most once at a time for a key, so that there are as many waiters as replicas.
///
/// # Keys
///
/// A key is the same text in every replica and every build: the number of the bot (0 where it isn't
/// known), a colon, and then the number that the [`SequenceKey`](super::SequenceKey) is, or `=` and the
/// text that it is. `4839574812:-1001234` is a group, and `0:=orders` a text of yours.
pub trait SequenceLock: Send + Sync + 'static {
    /// What has the turn.
    type Guard: LockGuard;

    /// Waits for the turn of a key, in the order of asking as far as that can be. Dropped before it
    /// is done, it leaves the line; how long it waits is the layer's business.
    ///
    /// # Errors
    ///
    /// It isn't known whose turn it is. The update is answered with 503, so that Telegram sends it
    /// again.
    fn acquire(&self, key: &str) -> impl Future<Output = Result<Self::Guard, LockError>> + Send;
}

/// Has a turn that replicas share. Dropped without [`release`](Self::release), as when the process is
/// ending, it has it until its lease runs out.
pub trait LockGuard: Send + 'static {
    /// For how long the turn is certain. It is in the request's extensions when the handler is called.
    fn lease(&self) -> Option<Lease> {
        None
    }

    /// Gives the turn to whoever is next. The answer doesn't wait for it; this process' next update of
    /// the key does.
    fn release(self) -> impl Future<Output = ()> + Send;
}

/// A lock that didn't do what it was asked, or nobody knows.
#[derive(Debug)]
pub struct LockError(Box<dyn error::Error + Send + Sync>);

impl LockError {
    /// For this reason.
    pub fn new(source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it isn't known whose turn it is")
    }
}

impl error::Error for LockError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.0)
    }
}

type LockFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Any lock: so that a layer's type needn't name it.
pub(super) trait ErasedLock: Send + Sync {
    fn acquire(self: Arc<Self>, key: String)
    -> LockFuture<Result<Box<dyn ErasedGuard>, LockError>>;
}

impl<L: SequenceLock> ErasedLock for L {
    fn acquire(
        self: Arc<Self>,
        key: String,
    ) -> LockFuture<Result<Box<dyn ErasedGuard>, LockError>> {
        Box::pin(async move {
            let guard = SequenceLock::acquire(&*self, &key).await?;
            Ok(Box::new(guard) as Box<dyn ErasedGuard>)
        })
    }
}

pub(super) trait ErasedGuard: Send {
    fn lease(&self) -> Option<Lease>;

    fn release(self: Box<Self>) -> LockFuture<()>;
}

impl<G: LockGuard> ErasedGuard for G {
    fn lease(&self) -> Option<Lease> {
        LockGuard::lease(self)
    }

    fn release(self: Box<Self>) -> LockFuture<()> {
        Box::pin(LockGuard::release(*self))
    }
}
