//! Adding updates to the queue.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use serde_core::de::IgnoredAny;
use tower_service::Service;

use super::{
    chat_key::{chat_key, number_of, partition},
    error::QueueError,
    update_queue::{QueueKey, UpdateQueue},
};
use crate::client::ErrorChain;
use crate::{
    redis::values::{LIFE, millis},
    webhook::{
        BotId, RawUpdate, Rejection, ReplyBody, outcome::set_retry_after,
        rejection::empty_response, retry_after::retry_after,
    },
};

/// The result of [`UpdateQueue::enqueue`].
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

impl UpdateQueue {
    /// Adds an update to the queue. `bot` is the update's bot if several share the queue.
    ///
    /// # Errors
    ///
    /// When Redis can't be reached, or the queue has another number of partitions. The update may be in the
    /// queue nevertheless, because an answer can get lost; adding it again is safe.
    pub async fn enqueue(
        &self,
        bot: Option<BotId>,
        update: &RawUpdate,
    ) -> Result<Enqueued, QueueError> {
        let chat_key = chat_key(bot, update);
        let bot = number_of(bot);
        let partition = partition(&chat_key, self.partitions);
        let seen = format!("{bot}:{}", update.update_id());
        let call = self
            .call(
                "enqueue",
                [QueueKey::Stream(partition), QueueKey::Seen(&seen)],
            )
            .arg(self.max_length())
            .arg(millis(LIFE))
            .arg(self.wake_ups.process())
            .arg(partition)
            .arg(bot)
            .arg(chat_key)
            .arg(&update.bytes()[..])
            .arg(
                self.context
                    .as_ref()
                    .and_then(|context| context())
                    .unwrap_or_default(),
            );
        let answer = self.ask(call).await?;
        self.wake(&answer, partition);
        match answer.first().map(|what| &**what) {
            Some(b"added") => Ok(Enqueued::Added),
            Some(b"known") => Ok(Enqueued::Known),
            Some(b"full") => Ok(Enqueued::Full),
            _ => Err(QueueError::unreadable()),
        }
    }

    /// The queue as a service that takes a handler's place: below an
    /// [`AllowedUpdatesLayer`](crate::webhook::AllowedUpdatesLayer), or with
    /// [`Polling`](crate::polling::Polling).
    ///
    /// Its responses are:
    ///
    /// 1. 200 once the update is in the queue, or was there before.
    /// 2. 503 with `Retry-After` if the queue is full or Redis can't be reached.
    /// 3. 400 if the update isn't JSON throughout: no worker could read it.
    pub fn service(&self) -> Enqueue {
        Enqueue {
            queue: self.clone(),
        }
    }
}

/// The service of [`UpdateQueue::service`].
#[derive(Clone, Debug)]
pub struct Enqueue {
    queue: UpdateQueue,
}

impl Service<Request<RawUpdate>> for Enqueue {
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = EnqueueFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RawUpdate>) -> EnqueueFuture {
        let queue = self.queue.clone();
        let bot = request.extensions().get().copied();
        let update = request.into_body();
        EnqueueFuture(Box::pin(async move { answer(&queue, bot, &update).await }))
    }
}

async fn answer(
    queue: &UpdateQueue,
    bot: Option<BotId>,
    update: &RawUpdate,
) -> Response<ReplyBody> {
    if let Err(error) = update.parse::<IgnoredAny>() {
        return Rejection::Malformed(error).into_response();
    }
    let why = match queue.enqueue(bot, update).await {
        Ok(Enqueued::Added | Enqueued::Known) => return empty_response(),
        Ok(Enqueued::Full) => Rejection::Overloaded,
        Err(error) => {
            let error = ErrorChain(&error);
            tracing::error!(%error, update_id = update.update_id(), "failed to queue update");
            Rejection::StoreUnavailable
        }
    };
    let mut answer: Response<ReplyBody> = why.into_response();
    set_retry_after(&mut answer, retry_after(update.update_type(), 2));
    answer
}

/// The response future of [`Enqueue`].
pub struct EnqueueFuture(Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>);

impl Future for EnqueueFuture {
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for EnqueueFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueueFuture").finish_non_exhaustive()
    }
}
