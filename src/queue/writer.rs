//! The `QueueWriter` trait, which adds updates to a queue.

use std::{future::Future, pin::Pin, sync::Arc};

use super::error::QueueError;
use crate::webhook::{BotId, RawUpdate};

/// The result of adding an update to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enqueued {
    /// The update was added.
    Added,
    /// It was added in the last 24 hours, and isn't added again.
    Known,
    /// The partition has no room for it.
    Full,
}

/// Adds updates to a queue. Implement it, and [`QueueReader`](super::QueueReader), to queue updates in a system of
/// your own; [`Enqueue`](super::Enqueue) makes a service of it.
pub trait QueueWriter: Send + Sync + 'static {
    /// Adds an update behind all others of its chat. `bot` is the update's bot if several share the queue.
    ///
    /// 1. When this returns [`Added`](Enqueued::Added) or [`Known`](Enqueued::Known), the update must be as safe as
    ///    the engine can keep it: Telegram gets a 200 then, and forgets it.
    /// 2. An update of a bot is added once within 24 hours, however often this is called with it, by any process,
    ///    and also when it was handled meanwhile. Updates are the same if their bot and `update_id` are.
    /// 3. Calls for a chat that follow each other add in that order. Those under way at the same time may add in any.
    /// 4. If the future is dropped, the update may have been added or not.
    ///
    /// [`chat_key`](super::chat_key) gives the text by which updates are kept in order, and
    /// [`partition`](super::partition) a partition for it.
    ///
    /// # Errors
    ///
    /// When it is unknown whether the update was added. Telegram gets a 503, and sends the update again.
    fn put(
        &self,
        bot: Option<BotId>,
        update: &RawUpdate,
    ) -> impl Future<Output = Result<Enqueued, QueueError>> + Send;
}

pub(super) type PutFuture =
    Pin<Box<dyn Future<Output = Result<Enqueued, QueueError>> + Send + 'static>>;

/// A [`QueueWriter`] as a trait object, so that a webhook's type doesn't name it.
pub(super) trait ErasedWriter: Send + Sync {
    fn put(self: Arc<Self>, bot: Option<BotId>, update: RawUpdate) -> PutFuture;
}

impl<W: QueueWriter> ErasedWriter for W {
    fn put(self: Arc<Self>, bot: Option<BotId>, update: RawUpdate) -> PutFuture {
        Box::pin(async move { QueueWriter::put(&*self, bot, &update).await })
    }
}
