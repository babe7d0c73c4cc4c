//! A time limit for handlers, after which the attempt has failed.
//!
//! A [deadline](super::deadline) responds to Telegram in time while the handler goes on. A handler that never ends
//! would then block its update and, with a [`SequenceLayer`](super::SequenceLayer), its chat for ever. This layer
//! belongs below both:
//!
//! 1. A handler that ends within the limit isn't affected.
//! 2. At the limit its attempt has failed, with 500 and a [`Failure`], so that the update is tried again or
//!    abandoned like any other that fails, and its chat goes on.
//! 3. The handler's future is dropped; or it is [left running](HandlerTimeoutLayer::leave_running) on a
//!    task of its own, and its result is dropped. That is for handlers that must not be stopped half-way:
//!    another attempt may then run beside it.
//! 4. A graceful shutdown waits for the handlers that were left running, within its limit: that of the
//!    [deliveries](super::delivery::DeliveryHandle::shutdown) above, or of `Polling` or a queue's worker. At the
//!    limit it doesn't stop them, but the process does when it ends.
//!
//! A handler that blocks its thread can't be ended.
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
//!     webhook::{HandlerTimeoutLayer, RawUpdate, ServiceBuilderExt as _},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::time::pause();
//! let service = ServiceBuilder::new()
//!     .layer(HandlerTimeoutLayer::new(Duration::from_secs(60)))
//!     .parse::<Update>()
//!     .reply()
//!     .service(handler_fn(async |update: Update| {
//!         if update.update_id == 7 {
//!             std::future::pending::<()>().await;
//!         }
//!     }));
//! let update = |json: &'static str| RawUpdate::from_bytes(json.into()).map(Request::new);
//!
//! let stuck = service.clone().oneshot(update(r#"{"update_id":7,"poll":{"id":"1"}}"#)?).await?;
//! assert_eq!(stuck.status(), StatusCode::INTERNAL_SERVER_ERROR);
//!
//! let done = service.oneshot(update(r#"{"update_id":8,"poll":{"id":"1"}}"#)?).await?;
//! assert_eq!(done.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! The timer is tokio's: a handler that isn't done at once must be polled within a Tokio runtime with its
//! time driver on.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Failure, RawUpdate, ReplyBody, deadline::is_awaited_query, failure::HandlerTimedOut,
    left_running::LeftRunning, outcome::failed_response,
};
use crate::{task::polled_after_completion, types::UpdateType};

/// Ends a handler at a time limit. Default: one hour. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct HandlerTimeoutLayer {
    limit: Duration,
    query_limit: Duration,
    leaves_running: bool,
}

impl HandlerTimeoutLayer {
    /// Drops a handler that runs for longer than `limit`. With zero, a handler that has to wait fails at once;
    /// with [`Duration::MAX`] there is no limit.
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            query_limit: limit,
            leaves_running: false,
        }
    }

    /// The limit for a `pre_checkout_query`, a `shipping_query` or an `inline_query`. Default: that of the others.
    ///
    /// Where a [`DeadlineLayer`](super::DeadlineLayer) stands above, it responds to these after 8 seconds. Without one
    /// this limit should be about as short, because a person waits for the result: Telegram takes the answer to a
    /// [pre-checkout query](https://core.telegram.org/bots/api#answerprecheckoutquery) for 10 seconds.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use tower_telegram::webhook::HandlerTimeoutLayer;
    ///
    /// let layer = HandlerTimeoutLayer::new(Duration::from_secs(25)).query_limit(Duration::from_secs(8));
    /// # let _ = layer;
    /// ```
    pub fn query_limit(mut self, limit: Duration) -> Self {
        self.query_limit = limit;
        self
    }

    fn limit_of(&self, update_type: UpdateType) -> Duration {
        if is_awaited_query(update_type) {
            self.query_limit
        } else {
            self.limit
        }
    }

    /// Lets a handler go on that has run for longer than the limit, on a task of its own. A graceful shutdown waits
    /// for it: see the [module](self). In a stack of your own without a `DeliveryLayer` above it, none does.
    pub fn leave_running(mut self) -> Self {
        self.leaves_running = true;
        self
    }
}

impl Default for HandlerTimeoutLayer {
    /// One hour.
    fn default() -> Self {
        Self::new(Duration::from_secs(60 * 60))
    }
}

impl<S> Layer<S> for HandlerTimeoutLayer {
    type Service = HandlerTimeout<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HandlerTimeout {
            inner,
            layer: *self,
        }
    }
}

/// The service of [`HandlerTimeoutLayer`].
#[derive(Clone, Debug)]
pub struct HandlerTimeout<S> {
    inner: S,
    layer: HandlerTimeoutLayer,
}

impl<S> HandlerTimeout<S> {
    inner_accessors!();
}

impl<S> Service<Request<RawUpdate>> for HandlerTimeout<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S::Future: Send + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<RawUpdate>) -> Self::Future {
        let limit = self.layer.limit_of(request.body().update_type());
        let future = self.inner.call(request);
        let handler = if self.layer.leaves_running {
            let future = Box::pin(future);
            TimedHandler::Movable {
                future: Some(future),
            }
        } else {
            TimedHandler::InPlace { future }
        };
        ResponseFuture {
            handler,
            limit,
            timer: None,
        }
    }
}

pin_project! {
    /// The response future of [`HandlerTimeout`].
    pub struct ResponseFuture<F> {
        #[pin]
        handler: TimedHandler<F>,
        limit: Duration,
        // Set when the handler isn't done at once.
        timer: Option<Pin<Box<Sleep>>>,
    }
}

pin_project! {
    #[project = TimedHandlerProj]
    enum TimedHandler<F> {
        InPlace {
            #[pin]
            future: F,
        },
        // Goes on without this future at the limit.
        Movable {
            future: Option<Pin<Box<F>>>,
        },
        Done,
    }
}

impl<F: Future> TimedHandler<F> {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            TimedHandlerProj::InPlace { future } => future.poll(cx),
            TimedHandlerProj::Movable {
                future: Some(future),
            } => future.as_mut().poll(cx),
            TimedHandlerProj::Movable { future: None } | TimedHandlerProj::Done => {
                polled_after_completion()
            }
        }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ReplyBody>, E>> + Send + 'static,
{
    type Output = Result<Response<ReplyBody>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(done) = this.handler.as_mut().poll(cx) {
            this.handler.set(TimedHandler::Done);
            return Poll::Ready(done);
        }
        if this.timer.is_none() {
            // A limit beyond all time is none.
            let Some(end) = Instant::now().checked_add(*this.limit) else {
                return Poll::Pending;
            };
            *this.timer = Some(Box::pin(sleep_until(end)));
        }
        let Some(timer) = this.timer else {
            return Poll::Pending;
        };
        ready!(timer.as_mut().poll(cx));
        let mut answer = failed_response(timed_out(*this.limit));
        if let TimedHandlerProj::Movable { future } = this.handler.as_mut().project()
            && let Some(future) = future.take()
        {
            answer.extensions_mut().insert(go_on(future));
        }
        this.handler.set(TimedHandler::Done);
        Poll::Ready(Ok(answer))
    }
}

/// Has a handler go on in a task of its own.
fn go_on<F>(handler: Pin<Box<F>>) -> LeftRunning
where
    F: Future + Send + 'static,
{
    let (end, left) = LeftRunning::new();
    tokio::spawn(async move {
        drop(handler.await);
        drop(end);
    });
    left
}

#[cold]
fn timed_out(limit: Duration) -> Failure {
    Failure::error(HandlerTimedOut(limit).into())
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use tokio::sync::Semaphore;
    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::webhook::rejection::empty_response;

    fn update() -> Request<RawUpdate> {
        let json = r#"{"update_id":1,"poll":{}}"#;
        Request::new(RawUpdate::from_bytes(json.into()).unwrap())
    }

    /// The status, and whether the handler's future is still there.
    async fn status_of(layer: HandlerTimeoutLayer, time: Duration) -> (u16, bool) {
        let alive = Arc::new(());
        let inside = Arc::clone(&alive);
        let service = layer.layer(service_fn(move |_| {
            let inside = Arc::clone(&inside);
            async move {
                tokio::time::sleep(time).await;
                drop(inside);
                Ok::<_, Infallible>(empty_response())
            }
        }));
        let response = service.clone().oneshot(update()).await.unwrap();
        (response.status().as_u16(), Arc::strong_count(&alive) > 2)
    }

    #[tokio::test(start_paused = true)]
    async fn d19_a_handler_that_takes_too_long_has_failed_and_is_dropped_or_left() {
        let second = Duration::from_secs(1);
        let layer = HandlerTimeoutLayer::new(60 * second);
        assert_eq!(status_of(layer, 59 * second).await, (200, false));
        assert_eq!(status_of(layer, 61 * second).await, (500, false));
        let leaving = layer.leave_running();
        assert_eq!(status_of(leaving, 59 * second).await, (200, false));
        assert_eq!(status_of(leaving, 61 * second).await, (500, true));
    }

    #[test]
    fn d17_queries_that_people_wait_for_may_have_a_limit_of_their_own() {
        use UpdateType as T;
        let seconds = Duration::from_secs;
        let layers = [
            HandlerTimeoutLayer::new(seconds(25)),
            HandlerTimeoutLayer::new(seconds(25)).query_limit(seconds(8)),
        ];
        for (update_type, expected) in [
            (T::PreCheckoutQuery, [25, 8]),
            (T::ShippingQuery, [25, 8]),
            (T::InlineQuery, [25, 8]),
            (T::Message, [25, 25]),
            (T::CallbackQuery, [25, 25]),
        ] {
            let limits = layers.map(|layer| layer.limit_of(update_type));
            assert_eq!(limits, expected.map(seconds), "{update_type}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d17_a_query_whose_handler_takes_too_long_has_failed_in_time() {
        let seconds = Duration::from_secs;
        let layer = HandlerTimeoutLayer::new(seconds(25)).query_limit(seconds(8));
        let service = layer.layer(service_fn(|_| async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            Ok::<_, Infallible>(empty_response())
        }));
        let query = r#"{"update_id":1,"pre_checkout_query":{}}"#;
        let query = Request::new(RawUpdate::from_bytes(query.into()).unwrap());
        for (request, expected, waited) in [(query, 500, 8), (update(), 200, 9)] {
            let begin = Instant::now();
            let response = service.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), expected);
            assert_eq!(begin.elapsed(), seconds(waited));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d19_no_limit_panics() {
        let (longest, day) = (Duration::MAX, Duration::from_secs(86_400));
        let layer = HandlerTimeoutLayer::new(longest);
        assert_eq!(status_of(layer, day).await, (200, false));
        let none = HandlerTimeoutLayer::new(Duration::ZERO);
        assert_eq!(status_of(none, day).await, (500, false));
    }

    #[tokio::test(start_paused = true)]
    async fn d19_a_handler_that_was_left_running_ends_by_itself() {
        let (go, ended) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (may, has) = (Arc::clone(&go), Arc::clone(&ended));
        let layer = HandlerTimeoutLayer::new(Duration::from_secs(1)).leave_running();
        let service = layer.layer(service_fn(move |_| {
            let (may, has) = (Arc::clone(&may), Arc::clone(&has));
            async move {
                may.acquire().await.unwrap().forget();
                has.add_permits(1);
                Ok::<_, Infallible>(empty_response())
            }
        }));
        let response = service.oneshot(update()).await.unwrap();
        assert_eq!(response.status().as_u16(), 500);
        let failure: &Failure = response.extensions().get().unwrap();
        let words = failure.as_error().unwrap().to_string();
        assert_eq!(words, "the handler ran for longer than 1s");
        go.add_permits(1);
        ended.acquire().await.unwrap().forget();
    }
}
