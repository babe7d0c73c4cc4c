//! The `DeliveryStore` trait, which records the updates that were handled.

use std::{future::Future, sync::Arc, time::Duration};

use crate::{Reply, webhook::BotId};

/// The identity of an update in a store.
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
    /// Distinguishes this claim from those before and after it, so that an expired one has no effect.
    pub fencing_token: u64,
    /// How many times it was claimed, this time included.
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
    /// The caller has to handle it.
    Acquired(ClaimToken),
    /// Another caller handles it.
    Busy {
        /// How long that claim is valid at least, before the update can be claimed again.
        lease: Duration,
    },
    /// It was handled.
    Done {
        /// Its reply, each time that the update is claimed again: Telegram drops an update in the step
        /// in which it executes the reply, so a redelivery shows that the reply wasn't
        /// executed. `None` if there was none, or if it is no longer kept.
        reply: Option<Reply>,
    },
}

/// Remembers which updates were handled, for as long as Telegram may send them again: 24 hours.
///
/// [`MemoryStore`](super::MemoryStore) is the one for a single process. Implement the trait for a database of your
/// own. Each method must take effect wholly or not at all.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex};
///
/// use tower_telegram::{
///     Reply,
///     webhook::{
///         DeliveryLayer,
///         delivery::{Claim, ClaimToken, DeliveryKey, DeliveryStore, StoreError},
///     },
/// };
///
/// /// Knows only which updates were handled, and counts no attempts.
/// #[derive(Default)]
/// struct Handled(Mutex<HashMap<DeliveryKey, ()>>);
///
/// impl DeliveryStore for Handled {
///     async fn claim(&self, key: DeliveryKey) -> Result<Claim, StoreError> {
///         let handled = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         Ok(match handled.contains_key(&key) {
///             true => Claim::Done { reply: None },
///             false => Claim::Acquired(ClaimToken::new(key, 1, 1)),
///         })
///     }
///
///     async fn finish(&self, token: &ClaimToken, _: Option<&Reply>) -> Result<bool, StoreError> {
///         let mut handled = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         Ok(handled.insert(token.key, ()).is_none())
///     }
///
///     async fn fail(&self, _: &ClaimToken) -> Result<bool, StoreError> {
///         Ok(true)
///     }
///
///     async fn release(&self, _: &ClaimToken) -> Result<bool, StoreError> {
///         Ok(true)
///     }
/// }
///
/// let layer = DeliveryLayer::with_store(Handled::default());
/// # let _ = layer;
/// ```
///
/// # Errors
///
/// A method fails if its effect is unknown. Telegram gets 503 for a failed claim, and sends the update again.
pub trait DeliveryStore: Send + Sync + 'static {
    /// Claims an update. A claim that isn't renewed in time has failed.
    fn claim(&self, key: DeliveryKey) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// The interval at which a claim has to be renewed. Default: `None`, for claims that don't expire.
    fn renew_every(&self) -> Option<Duration> {
        None
    }

    /// Renews a claim. `false` if it has expired, after which another caller may have claimed the update.
    fn renew(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let _ = token;
        std::future::ready(Ok(true))
    }

    /// Records that the update was handled. Its reply is kept for redeliveries as far as the store can, within
    /// bounds of space and time, and unless it has files that the store can't hold. `false` if the claim has
    /// expired: then nothing was recorded.
    ///
    /// [`Reply::from_parts`] and [`Reply::with_uploads`] restore a reply that was kept elsewhere.
    fn finish(
        &self,
        token: &ClaimToken,
        reply: Option<&Reply>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Records a failed attempt, after which the update can be claimed again. `false` if the claim has expired.
    fn fail(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Releases the claim of an update that was deferred: it can be claimed again, and this attempt isn't counted.
    /// `false` if the claim has expired.
    fn release(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send;
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

backend_error! {
    /// A store operation failed, or its outcome is unknown.
    pub struct StoreError;
    "the store of deliveries failed"
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
