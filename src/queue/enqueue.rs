//! The service that adds updates to a queue.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use serde_core::de::IgnoredAny;
use tokio::time;
use tower_service::Service;

use super::{
    error::QueueError,
    writer::{Enqueued, ErasedWriter, QueueWriter},
};
use crate::{
    client::ErrorChain,
    webhook::{
        BotId, RawUpdate, Rejection, ReplyBody, outcome::set_retry_after,
        redelivery::redelivery_pause, rejection::empty_response,
    },
};

/// A queue as a service that takes a handler's place: below an
/// [`AllowedUpdatesLayer`](crate::webhook::AllowedUpdatesLayer), or with [`Polling`](crate::polling::Polling).
///
/// Its responses are:
///
/// 1. 200 once the update is in the queue, or was there before.
/// 2. 503 with `Retry-After` if the queue is full, can't be reached, or doesn't respond within the
///    [`timeout`](Self::timeout).
/// 3. 400 if the update isn't JSON throughout: no worker could read it.
#[derive(Clone)]
pub struct Enqueue {
    queue: Arc<dyn ErasedWriter>,
    timeout: Duration,
}

impl Enqueue {
    /// The service of this queue.
    pub fn new(queue: impl QueueWriter) -> Self {
        Self {
            queue: Arc::new(queue),
            timeout: Duration::from_secs(10),
        }
    }

    /// How long the queue may take to add an update, before the response is a 503. Default: 10 s, also for
    /// [`Webhook::queue`](crate::webhook::Webhook::queue). The engines of this crate have a shorter limit of their own,
    /// of two seconds by default.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
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
        EnqueueFuture(Box::pin(answer(queue, self.timeout, bot, update)))
    }
}

async fn answer(
    queue: Arc<dyn ErasedWriter>,
    limit: Duration,
    bot: Option<BotId>,
    update: RawUpdate,
) -> Response<ReplyBody> {
    if let Err(error) = update.parse::<IgnoredAny>() {
        return Rejection::Malformed(error).into_response();
    }
    let added = time::timeout(limit, queue.put(bot, update.clone())).await;
    let why = match added.unwrap_or_else(|_| Err(QueueError::timeout())) {
        Ok(Enqueued::Added | Enqueued::Known) => return empty_response(),
        Ok(Enqueued::Full) => Rejection::Overloaded,
        Err(error) => {
            let error = ErrorChain(&error);
            tracing::error!(%error, update_id = update.update_id(), "failed to queue update");
            Rejection::StoreUnavailable
        }
    };
    let mut answer: Response<ReplyBody> = why.into_response();
    set_retry_after(&mut answer, redelivery_pause(update.update_type(), 2));
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use http::StatusCode;
    use tokio::time::Instant;
    use tower::ServiceExt as _;

    use super::*;

    struct HangingWriter;

    impl QueueWriter for HangingWriter {
        async fn put(&self, _: Option<BotId>, _: &RawUpdate) -> Result<Enqueued, QueueError> {
            pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d12_a_queue_that_hangs_gets_a_503_in_time() {
        for (service, seconds) in [
            (Enqueue::new(HangingWriter), 10),
            (
                Enqueue::new(HangingWriter).timeout(Duration::from_secs(3)),
                3,
            ),
        ] {
            let json = r#"{"update_id":1,"message":{"chat":{"id":7}}}"#;
            let update = RawUpdate::from_bytes(json.into()).unwrap();
            let began = Instant::now();
            let Ok(response) = service.oneshot(Request::new(update)).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key("retry-after"));
            assert_eq!(began.elapsed().as_secs(), seconds);
        }
    }
}
