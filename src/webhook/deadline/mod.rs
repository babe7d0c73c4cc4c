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
//! [`DeliveryLayer`](super::DeliveryLayer) below allows and at most for ten minutes, unless a repeat can't
//! change it. `UpdateQueue`, of
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

mod background;

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    RawUpdate, Rejection, ReplyBody,
    outcome::{FromQueue, set_retry_after},
    rejection::empty_response,
    retry_after::retry_after,
};
pub use crate::task::Deadline;
use crate::task::polled_after_completion;
use crate::{Client, types::UpdateType};

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
    type Service = EnforceDeadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EnforceDeadline {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct EnforceDeadline<S> {
    inner: S,
    layer: DeadlineLayer,
}

impl<S> EnforceDeadline<S> {
    inner_accessors!();
}

impl<S> Service<Request<RawUpdate>> for EnforceDeadline<S>
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
        let update_type = request.body().update_type();
        // From a queue nobody waits who would give up.
        if request.extensions().get::<FromQueue>().is_some() {
            let future = self.inner.call(request);
            return ResponseFuture {
                handling: Handling::InPlace { future },
                due: None,
                timer: None,
                update_type,
            };
        }
        let due = Instant::now() + self.layer.limit;
        request.extensions_mut().insert(Deadline::at(due));
        let ack = self
            .layer
            .ack
            .as_ref()
            .map(|client| background::DetachedUpdate {
                service: self.inner.clone(),
                update: request.body().clone(),
                extensions: without_deadline(request.extensions()),
                client: Arc::clone(client),
            });
        let future = self.inner.call(request);
        ResponseFuture {
            handling: match ack {
                Some(late) => Handling::Movable {
                    future: Some((Box::pin(future), late)),
                },
                None => Handling::InPlace { future },
            },
            due: Some(due),
            timer: None,
            update_type,
        }
    }
}

/// Those of a request that nobody waits for any more.
fn without_deadline(extensions: &Extensions) -> Extensions {
    let mut extensions = extensions.clone();
    extensions.remove::<Deadline>();
    extensions
}

pin_project! {
    /// The response future of [`EnforceDeadline`].
    pub struct ResponseFuture<S: Service<Request<RawUpdate>>> {
        #[pin]
        handling: Handling<S>,
        due: Option<Instant>,
        // Set when there is something to wait for.
        timer: Option<Pin<Box<Sleep>>>,
        update_type: UpdateType,
    }
}

pin_project! {
    #[project = HandlingProj]
    enum Handling<S: Service<Request<RawUpdate>>> {
        InPlace {
            #[pin]
            future: S::Future,
        },
        // Goes on without this future, if it is acked.
        Movable {
            future: Option<(Pin<Box<S::Future>>, background::DetachedUpdate<S>)>,
        },
        Gone,
    }
}

impl<S: Service<Request<RawUpdate>>> Handling<S> {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<S::Response, S::Error>> {
        match self.project() {
            HandlingProj::InPlace { future } => future.poll(cx),
            HandlingProj::Movable {
                future: Some((future, _)),
            } => future.as_mut().poll(cx),
            HandlingProj::Movable { future: None } | HandlingProj::Gone => {
                polled_after_completion()
            }
        }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S: Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send + 'static,
{
    type Output = Result<Response<ReplyBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(done) = this.handling.as_mut().poll(cx) {
            this.handling.set(Handling::Gone);
            return Poll::Ready(done);
        }
        let Some(due) = *this.due else {
            return Poll::Pending;
        };
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        ready!(timer.as_mut().poll(cx));
        let answer = match this.handling.as_mut().project() {
            HandlingProj::Movable { future } => {
                if let Some((future, late)) = future.take() {
                    tokio::spawn(late.finish(future));
                }
                empty_response()
            }
            _ => late_answer(*this.update_type),
        };
        // A `DeliveryLayer` below has the handler go on by itself.
        this.handling.set(Handling::Gone);
        Poll::Ready(Ok(answer))
    }
}

fn late_answer(update_type: UpdateType) -> Response<ReplyBody> {
    let mut answer: Response<ReplyBody> = Rejection::DeadlineExceeded.into_response();
    set_retry_after(&mut answer, retry_after(update_type, 1));
    answer
}

impl<S: Service<Request<RawUpdate>>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_a_deadline_remains_what_there_is_until_then() {
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(deadline.remaining(), Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }
}
