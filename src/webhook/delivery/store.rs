//! The `DeliveryStore` trait: where it is kept which updates were handled.

use std::{error, fmt, future::Future, sync::Arc, time::Duration};

use crate::{Reply, webhook::BotId};

/// An update of a bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct DeliveryKey {
    /// The bot, where several share an endpoint.
    pub bot: Option<BotId>,
    /// The update's number, of which each bot has its own.
    pub update_id: i64,
}

impl DeliveryKey {
    /// The update of this number, of this bot where several share an endpoint.
    pub fn new(bot: Option<BotId>, update_id: i64) -> Self {
        Self { bot, update_id }
    }
}

/// The right to handle an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimToken {
    /// Which update.
    pub key: DeliveryKey,
    /// Tells this claim from those before and after it, so that one that ran out can do nothing
    /// any more.
    pub fencing_token: u64,
    /// How often it was claimed by now, this time included.
    pub attempt: u32,
}

impl ClaimToken {
    /// A claim of this update, for stores.
    pub fn new(key: DeliveryKey, fencing_token: u64, attempt: u32) -> Self {
        Self {
            key,
            fencing_token,
            attempt,
        }
    }
}

/// The result of [`DeliveryStore::claim`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Claim {
    /// It is the caller's to handle.
    Acquired(ClaimToken),
    /// Somebody else handles it.
    Busy {
        /// How long they have at least, before it can be claimed again.
        lease: Duration,
    },
    /// It is done.
    Done {
        /// Its reply, each time that the update is claimed again: Telegram drops an update in the step
        /// in which it carries out the reply, so one that is redelivered shows that its reply wasn't
        /// carried out. `None` if there was none, or if it is no longer kept.
        reply: Option<Reply>,
    },
}

/// Remembers which updates were handled, for as long as Telegram may send them again: 24 hours.
///
/// [`MemoryStore`](super::MemoryStore) is one for a single process. Write it for a database of your
/// own; each method is one step that happens wholly or not at all.
///
/// # Errors
///
/// A method fails when it isn't known whether it worked. A claim that fails is answered with 503, so
/// that Telegram asks again.
pub trait DeliveryStore: Send + Sync + 'static {
    /// Asks for an update. A claim that isn't renewed in time is as good as failed.
    fn claim(&self, key: DeliveryKey) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// How often a claim has to be renewed; never, unless told otherwise.
    fn renew_every(&self) -> Option<Duration> {
        None
    }

    /// Keeps a claim. `false` if it ran out, and is or may be another's.
    fn renew(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let _ = token;
        std::future::ready(Ok(true))
    }

    /// It is done. A reply that is given with it is kept for redeliveries, as far as the store can:
    /// within bounds of space and time, and without those whose files it can't hold. `false` if the
    /// claim ran out: then nothing was recorded.
    fn finish(
        &self,
        token: &ClaimToken,
        reply: Option<&Reply>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// It failed, and can be claimed again. `false` if the claim ran out.
    fn fail(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// It was deferred, which says nothing about the update: it can be claimed again, and this attempt isn't
    /// counted. `false` if the claim ran out.
    ///
    /// By default it is the same as [`fail`](Self::fail), which counts it; a store that keeps count
    /// should do better.
    fn release(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send {
        self.fail(token)
    }
}

/// A store that several layers share.
impl<S: DeliveryStore> DeliveryStore for Arc<S> {
    fn claim(&self, key: DeliveryKey) -> impl Future<Output = Result<Claim, StoreError>> + Send {
        S::claim(self, key)
    }

    fn renew_every(&self) -> Option<Duration> {
        S::renew_every(self)
    }

    fn renew(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send {
        S::renew(self, token)
    }

    fn finish(
        &self,
        token: &ClaimToken,
        reply: Option<&Reply>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        S::finish(self, token, reply)
    }

    fn fail(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send {
        S::fail(self, token)
    }

    fn release(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send {
        S::release(self, token)
    }
}

/// A store operation failed, or its outcome is unknown.
#[derive(Debug)]
pub struct StoreError(Box<dyn error::Error + Send + Sync>);

impl StoreError {
    /// For this reason.
    pub fn new(source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store of deliveries failed")
    }
}

impl error::Error for StoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn what_failed_is_the_source_of_the_error() {
        let error = StoreError::new("unreachable");
        assert_eq!(error.to_string(), "the store of deliveries failed");
        assert_eq!(error.source().unwrap().to_string(), "unreachable");
    }
}
