//! The service that adds updates to a queue.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use serde_core::de::IgnoredAny;
use tower_service::Service;

use super::writer::{Enqueued, ErasedWriter, QueueWriter};
use crate::{
    client::ErrorChain,
    webhook::{
        BotId, RawUpdate, Rejection, ReplyBody, outcome::set_retry_after,
        rejection::empty_response, retry_after::retry_after,
    },
};

/// A queue as a service that takes a handler's place: below an
/// [`AllowedUpdatesLayer`](crate::webhook::AllowedUpdatesLayer), or with [`Polling`](crate::polling::Polling).
///
/// Its responses are:
///
/// 1. 200 once the update is in the queue, or was there before.
/// 2. 503 with `Retry-After` if the queue is full or can't be reached.
/// 3. 400 if the update isn't JSON throughout: no worker could read it.
#[derive(Clone)]
pub struct Enqueue {
    queue: Arc<dyn ErasedWriter>,
}

impl Enqueue {
    /// The service of this queue.
    pub fn new(queue: impl QueueWriter) -> Self {
        Self {
            queue: Arc::new(queue),
        }
    }
}

impl Service<Request<RawUpdate>> for Enqueue {
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = EnqueueFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RawUpdate>) -> EnqueueFuture {
        let queue = Arc::clone(&self.queue);
        let bot = request.extensions().get().copied();
        let update = request.into_body();
        EnqueueFuture(Box::pin(answer(queue, bot, update)))
    }
}

async fn answer(
    queue: Arc<dyn ErasedWriter>,
    bot: Option<BotId>,
    update: RawUpdate,
) -> Response<ReplyBody> {
    if let Err(error) = update.parse::<IgnoredAny>() {
        return Rejection::Malformed(error).into_response();
    }
    let why = match queue.put(bot, update.clone()).await {
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

impl fmt::Debug for Enqueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue").finish_non_exhaustive()
    }
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
