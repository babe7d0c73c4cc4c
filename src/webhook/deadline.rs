//! Answers before Telegram gives up.
//!
//! Telegram waits 60 s for an answer, to its last byte; then it sends the update again at once, and
//! the reply that comes too late is lost. A layer that stands above
//! [`DeliveryLayer`](super::DeliveryLayer) answers in time instead:
//!
//! 1. After the [limit](DeadlineLayer::new), 50 s unless told otherwise: 503 with `Retry-After`. The
//!    handler goes on, the redelivery joins it, and the reply goes to that one.
//! 2. With [`ack_after`](DeadlineLayer::ack_after): 200, after a time that you choose. The update is
//!    done as far as Telegram is concerned; the handler goes on, and its reply is called through the
//!    client.
//! 3. What stands below finds the [`Deadline`] in the request's extensions.
//!
//! # What acking early costs
//!
//! Telegram doesn't send an update again that was acked. If the process ends before its handler does,
//! the update is lost; and the next update of that chat may come while this one is still being
//! handled. One that fails is tried again here, with growing pauses, for as often as the
//! [`DeliveryLayer`](super::DeliveryLayer) below allows and at most for ten minutes. `UpdateQueue`, of
//! the feature `redis`, is for acking at once and losing nothing.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use http::{Request, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt as _};
//! use tower_telegram::{
//!     handler_fn,
//!     types::Update,
//!     webhook::{DeadlineLayer, DeliveryLayer, RawUpdate, ServiceBuilderExt as _},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::time::pause();
//! let service = ServiceBuilder::new()
//!     .layer(DeadlineLayer::new(Duration::from_secs(5)))
//!     .layer(DeliveryLayer::new())
//!     .parse::<Update>()
//!     .reply()
//!     .service(handler_fn(async |_: Update| {
//!         tokio::time::sleep(Duration::from_secs(8)).await;
//!     }));
//!
//! let update = RawUpdate::from_bytes(r#"{"update_id":7,"poll":{"id":"1"}}"#.into())?;
//! let late = service.clone().oneshot(Request::new(update.clone())).await?;
//! assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
//!
//! // The redelivery joins the handler, which is nearly done.
//! let joined = service.oneshot(Request::new(update)).await?;
//! assert_eq!(joined.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! The timer is tokio's: a call must be made within a Tokio runtime with its time driver on.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, header};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    RawUpdate, Rejection, ReplyBody,
    delivery::{Queued, life::retry_after},
    late,
    rejection::empty_response,
};
use crate::Client;

/// Longer than any process runs.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// When an answer is due; in the extensions of the request.
///
/// A handler that has it can leave undone what wouldn't be done in time.
/// [`Client::with_deadline`](crate::Client::with_deadline) has the client's layers keep to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// At this moment.
    pub fn at(moment: Instant) -> Self {
        Self(moment)
    }

    /// The moment.
    pub fn moment(self) -> Instant {
        self.0
    }

    /// How long there still is; nothing once it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Answers in time. See the [module](self).
#[derive(Clone, Debug)]
pub struct DeadlineLayer {
    limit: Duration,
    ack: Option<Arc<Client>>,
}

impl DeadlineLayer {
    /// Answers with 503 after `limit`. Telegram's own is 60 s, of which the way to and from it is a
    /// part.
    pub fn new(limit: Duration) -> Self {
        Self { limit, ack: None }
    }

    /// Answers with 200 after `limit`, and calls the replies that come later through `client`. What
    /// that costs stands in the [module](self).
    pub fn ack_after(limit: Duration, client: Client) -> Self {
        Self {
            limit,
            ack: Some(Arc::new(client)),
        }
    }
}

impl Default for DeadlineLayer {
    /// 503 after 50 s.
    fn default() -> Self {
        Self::new(Duration::from_secs(50))
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = AnswerInTime<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AnswerInTime {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct AnswerInTime<S> {
    inner: S,
    layer: DeadlineLayer,
}

impl<S> Service<Request<RawUpdate>> for AnswerInTime<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<RawUpdate>) -> Self::Future {
        if request.extensions().get::<Queued>().is_some() {
            return ResponseFuture::without_limit(self.inner.call(request));
        }
        let due = Instant::now() + self.layer.limit;
        request.extensions_mut().insert(Deadline(due));
        let update_type = request.body().update_type();
        let ack = self.layer.ack.as_ref().map(|client| late::Late {
            service: self.inner.clone(),
            update: request.body().clone(),
            extensions: request.extensions().clone(),
            client: Arc::clone(client),
        });
        ResponseFuture {
            // It may have to go on without this future.
            handling: Some(Box::pin(self.inner.call(request))),
            due: Box::pin(sleep_until(due)),
            retry_after: retry_after(update_type, 1),
            ack,
        }
    }
}

/// The response future of [`AnswerInTime`].
pub struct ResponseFuture<S: Service<Request<RawUpdate>>> {
    handling: Option<Pin<Box<S::Future>>>,
    due: Pin<Box<Sleep>>,
    retry_after: Duration,
    ack: Option<late::Late<S>>,
}

impl<S: Service<Request<RawUpdate>>> ResponseFuture<S> {
    /// Nobody waits who would give up.
    fn without_limit(handling: S::Future) -> Self {
        Self {
            handling: Some(Box::pin(handling)),
            due: Box::pin(sleep_until(Instant::now() + NEVER)),
            retry_after: Duration::ZERO,
            ack: None,
        }
    }
}

/// What it holds by itself is pinned in boxes.
impl<S: Service<Request<RawUpdate>>> Unpin for ResponseFuture<S> {}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send + 'static,
{
    type Output = Result<Response<ReplyBody>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(handling) = &mut self.handling
            && let Poll::Ready(done) = handling.as_mut().poll(cx)
        {
            self.handling = None;
            return Poll::Ready(done);
        }
        std::task::ready!(self.due.as_mut().poll(cx));
        let handling = self.handling.take();
        let (Some(handling), Some(late)) = (handling, self.ack.take()) else {
            // Below, the handler has a task of its own.
            let mut answer: Response<ReplyBody> = Rejection::Late.into_response();
            let seconds = HeaderValue::from(self.retry_after.as_secs());
            answer.headers_mut().insert(header::RETRY_AFTER, seconds);
            return Poll::Ready(Ok(answer));
        };
        tokio::spawn(late.finish(handling));
        Poll::Ready(Ok(empty_response()))
    }
}

impl<S: Service<Request<RawUpdate>>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
