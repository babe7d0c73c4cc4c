//! [`SequenceLock`], by which replicas share the turns of chats.

use std::{future::Future, pin::Pin, sync::Arc};

use super::Lease;

/// A lock for each chat, or other key, that replicas share:
/// [`SequenceLayer::with_lock`](super::SequenceLayer::with_lock).
///
/// `RedisLocks` (feature `redis`) is one. Implement the trait for a database of your own:
///
/// 1. A key has one guard at a time, over all replicas; other keys don't wait for it.
/// 2. The turns of a replica that died must end: they have a lease.
/// 3. A replica acquires a key at most once at a time, so there are at most as many waiters as replicas.
///
/// # Keys
///
/// A key is the same text in every replica and every build: the bot's number (0 if there is only one), a colon, and
/// then the number of the [`SequenceKey`](super::SequenceKey), or `=` and its text. `4839574812:-1001234` is a group,
/// and `0:=orders` a text of yours.
pub trait SequenceLock: Send + Sync + 'static {
    /// The owner of a turn.
    type Guard: LockGuard;

    /// Waits for the turn of a key, in the order of the calls if possible. If the future is dropped before it has
    /// ended, it must leave the line. The layer limits the time.
    ///
    /// # Errors
    ///
    /// When the owner of the turn is unknown. The update is rejected with 503, and Telegram sends it again.
    fn acquire(&self, key: &str) -> impl Future<Output = Result<Self::Guard, LockError>> + Send;
}

/// The owner of a turn that replicas share. If it is dropped without [`release`](Self::release), for example because
/// the process ends, it has the turn until its lease expires.
pub trait LockGuard: Send + 'static {
    /// For how long the turn is certain. It is in the request's extensions when the handler is called.
    fn lease(&self) -> Option<Lease> {
        None
    }

    /// Releases the turn to the next waiter. The response doesn't wait for it; this process' next update of the key
    /// does.
    fn release(self) -> impl Future<Output = ()> + Send;
}

impl<L: SequenceLock> SequenceLock for Arc<L> {
    type Guard = L::Guard;

    fn acquire(&self, key: &str) -> impl Future<Output = Result<Self::Guard, LockError>> + Send {
        L::acquire(self, key)
    }
}

backend_error! {
    /// A lock operation failed, or its outcome is unknown.
    pub struct LockError;
    "the sequence lock failed"
}

type LockFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A [`SequenceLock`] as a trait object, so that a layer's type doesn't name it.
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
