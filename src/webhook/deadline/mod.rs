//! A deadline for the response to Telegram, after which the handler goes on without its request.
//!
//! Telegram waits 60 s for the last byte of a response. Then it sends the update again at once, and a reply that is
//! sent too late is lost. This layer, above [`DeliveryLayer`](super::DeliveryLayer), responds in time instead:
//!
//! 1. After the [limit](DeadlineLayer::new) (default: 50 s) it responds with 503 and `Retry-After`. The handler goes
//!    on, the redelivery joins it and gets the reply.
//! 2. With [`ack_after`](DeadlineLayer::ack_after) it responds with 200 after a time that you choose. Telegram then
//!    regards the update as handled; the handler goes on, and the client sends its reply.
//! 3. Services below find the [`Deadline`] in the request's extensions. A function given to
//!    [`Webhook::handler`](super::Webhook::handler) doesn't get the request, and so has none.
//! 4. Some queries have a shorter limit, because a person waits for the result: a
//!    [pre-checkout query](https://core.telegram.org/bots/api#precheckoutquery) must be answered within 10 s, a
//!    shipping or an inline query soon. Their limit is 8 s, or the layer's if that is shorter, or the one set by
//!    [`limit_for`](DeadlineLayer::limit_for).
//! 5. An update from `Polling` or from a queue's worker has no deadline, because they wait for the handler.
//! 6. Below a [`DeliveryLayer`](super::DeliveryLayer) the layer has no effect, and an error event says so once: a
//!    handler that is cut short there would count as deferred again and again.
//!
//! # The price of early acknowledgement
//!
//! Telegram doesn't send an acknowledged update again. If the process dies before its handler ends, the update is
//! lost; and the next update of that chat may be sent while this one is still being handled. A failed attempt is
//! repeated in this process, with growing pauses, as often as the [`DeliveryLayer`](super::DeliveryLayer) below
//! allows and for ten minutes at most, unless the failure is permanent. Then that layer's
//! [dead-letter hook](super::DeliveryLayer::dead_letter) gets the update, also where every attempt was deferred.
//!
//! A [graceful shutdown](super::delivery::DeliveryHandle::shutdown) of the `DeliveryLayer` below waits for the handlers of
//! acknowledged updates, for their further attempts and for the calls of their replies. At its limit it cancels them, gives
//! updates that weren't handled to the dead-letter hook, and names the others as lost. In a stack of your own
//! without a `DeliveryLayer`, no shutdown waits for them; in a [`Webhook`](super::Webhook) without one,
//! [`deliveries`](super::WebhookService::deliveries) does.
//!
//! To acknowledge at once and lose no update, use a queue: over Redis (feature `redis`), over NATS (feature `nats`), or
//! over an engine of your own (feature `queue`).
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
//! // The redelivery joins the handler, which is nearly finished.
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
    sync::{Arc, Once},
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
    early_ack::EarlyAck,
    outcome::{FromRunner, set_retry_after},
    redelivery::redelivery_pause,
    rejection::empty_response,
};
pub use crate::task::Deadline;
use crate::task::polled_after_completion;
use crate::{Client, telemetry::update_span::UpdateSpan, types::UpdateType};

/// The limit of queries that a person waits for. A pre-checkout query has 10 s, including the network.
const QUERY_LIMIT: Duration = Duration::from_secs(8);

/// Responds to Telegram within a time limit. Default: 50 s, and 8 s for queries that people wait for. See the
/// [module](self).
#[derive(Clone, Debug)]
pub struct DeadlineLayer {
    limit: Duration,
    /// The limits that were set for single types.
    by_type: Vec<(UpdateType, Duration)>,
    ack: Option<Arc<Client>>,
    /// Whether services below can find the deadline.
    is_in_extensions: bool,
}

impl DeadlineLayer {
    /// Responds with 503 after `limit`. Telegram's own limit is 60 s, including network time. With zero, a handler
    /// that has to wait is late at once; with [`Duration::MAX`] there is no limit.
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            by_type: Vec::new(),
            ack: None,
            is_in_extensions: true,
        }
    }

    /// For a handler that gets the update alone. A request that has no extensions yet costs three
    /// allocations less.
    pub(super) fn leave_out_of_extensions(&mut self) {
        self.is_in_extensions = false;
    }

    /// Responds with 200 after `limit`, and sends later replies through `client`. The [module](self) says what that
    /// costs.
    pub fn ack_after(limit: Duration, client: Client) -> Self {
        Self {
            ack: Some(Arc::new(client)),
            ..Self::new(limit)
        }
    }

    /// The limit of one type of update, in place of the layer's. Default: for `pre_checkout_query`,
    /// `shipping_query` and `inline_query` 8 s, if the layer's own limit isn't shorter.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use tower_telegram::{types::UpdateType, webhook::DeadlineLayer};
    ///
    /// let layer = DeadlineLayer::default()
    ///     .limit_for(UpdateType::InlineQuery, Duration::from_secs(4));
    /// # let _ = layer;
    /// ```
    pub fn limit_for(mut self, update_type: UpdateType, limit: Duration) -> Self {
        self.by_type.retain(|(of, _)| *of != update_type);
        self.by_type.push((update_type, limit));
        self
    }

    fn limit_of(&self, update_type: UpdateType) -> Duration {
        if let Some((_, limit)) = self.by_type.iter().find(|(of, _)| *of == update_type) {
            return *limit;
        }
        if is_awaited_query(update_type) {
            return self.limit.min(QUERY_LIMIT);
        }
        self.limit
    }
}

/// Whether a person waits for the result of the handler.
pub(super) fn is_awaited_query(update_type: UpdateType) -> bool {
    matches!(
        update_type,
        UpdateType::PreCheckoutQuery | UpdateType::ShippingQuery | UpdateType::InlineQuery
    )
}

impl Default for DeadlineLayer {
    /// 503 after 50 s.
    fn default() -> Self {
        Self::new(Duration::from_secs(50))
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService {
            inner,
            deadline: Arc::new(SharedDeadline {
                layer: self.clone(),
                misplaced: Once::new(),
            }),
        }
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    deadline: Arc<SharedDeadline>,
}

/// The settings that the clones of a service share.
#[derive(Debug)]
struct SharedDeadline {
    layer: DeadlineLayer,
    /// Whether it was logged that the layer is in the wrong place.
    misplaced: Once,
}

impl SharedDeadline {
    /// Whether the update's response waits for the handler, however long that takes.
    fn steps_aside(&self, request: &Request<RawUpdate>) -> bool {
        let update = request.body();
        if update.is_below_delivery() {
            self.misplaced.call_once(|| {
                tracing::error!(
                    update_id = update.update_id(),
                    "DeadlineLayer has no effect below DeliveryLayer: put it above"
                );
            });
            return true;
        }
        request.extensions().get::<FromRunner>().is_some()
    }
}

impl<S> DeadlineService<S> {
    inner_accessors!();
}

impl<S> Service<Request<RawUpdate>> for DeadlineService<S>
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
        let layer = &self.deadline.layer;
        let update_type = request.body().update_type();
        let waits = self.deadline.steps_aside(&request);
        // A limit beyond all time is none.
        let due = Instant::now().checked_add(layer.limit_of(update_type));
        let due = due.filter(|_| !waits);
        if let Some(due) = due.filter(|_| layer.is_in_extensions) {
            request.extensions_mut().insert(Deadline::at(due));
        }
        let client = layer.ack.as_ref().filter(|_| !waits);
        let ack = client.map(|client| {
            let ack = EarlyAck::default();
            request.extensions_mut().insert(ack.clone());
            let update = background::DetachedUpdate {
                service: self.inner.clone(),
                update: request.body().clone(),
                extensions: without_deadline(request.extensions()),
                client: Arc::clone(client),
            };
            (ack, update)
        });
        let future = self.inner.call(request);
        ResponseFuture {
            handling: match ack {
                Some((ack, late)) => Handling::Movable {
                    future: Some((Box::pin(future), late)),
                    ack,
                },
                None => Handling::InPlace { future },
            },
            due,
            timer: None,
            update_type,
        }
    }
}

/// The extensions of a request that was acknowledged.
fn without_deadline(extensions: &Extensions) -> Extensions {
    let mut extensions = extensions.clone();
    extensions.remove::<Deadline>();
    extensions
}

pin_project! {
    /// The response future of [`DeadlineService`].
    pub struct ResponseFuture<S: Service<Request<RawUpdate>>> {
        #[pin]
        handling: Handling<S>,
        due: Option<Instant>,
        // Set when the handler has to wait.
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
        // Goes on without this future, once it is acknowledged.
        Movable {
            future: Option<(Pin<Box<S::Future>>, background::DetachedUpdate<S>)>,
            ack: EarlyAck,
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
                ..
            } => future.as_mut().poll(cx),
            HandlingProj::Movable { future: None, .. } | HandlingProj::Gone => {
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
        if let Poll::Ready(mut done) = this.handling.as_mut().poll(cx) {
            this.handling.set(Handling::Gone);
            // The reply goes with the response, so that the span ends here.
            if this.due.is_some()
                && let Ok(response) = &mut done
            {
                response.extensions_mut().remove::<UpdateSpan>();
            }
            return Poll::Ready(done);
        }
        let Some(due) = *this.due else {
            return Poll::Pending;
        };
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        ready!(timer.as_mut().poll(cx));
        let answer = match this.handling.as_mut().project() {
            // The handler has ended, and its reply is being recorded: the response comes at once.
            HandlingProj::Movable { ack, .. } if !ack.acknowledge() => return Poll::Pending,
            HandlingProj::Movable { future, ack } => {
                if let Some((future, late)) = future.take() {
                    late.go_on(future, ack);
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
    set_retry_after(&mut answer, redelivery_pause(update_type, 1));
    answer
}

impl<S: Service<Request<RawUpdate>>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt as _, service_fn};

    use super::*;

    #[test]
    fn d17_queries_that_people_wait_for_have_less_time_by_default() {
        use UpdateType as T;
        let seconds = Duration::from_secs;
        let layers = [
            DeadlineLayer::default(),
            DeadlineLayer::new(seconds(5)),
            DeadlineLayer::default()
                .limit_for(T::InlineQuery, seconds(30))
                .limit_for(T::Message, seconds(7))
                .limit_for(T::InlineQuery, seconds(20)),
        ];
        for (update_type, expected) in [
            (T::PreCheckoutQuery, [8, 5, 8]),
            (T::ShippingQuery, [8, 5, 8]),
            (T::InlineQuery, [8, 5, 20]),
            (T::Message, [50, 5, 7]),
            (T::CallbackQuery, [50, 5, 50]),
        ] {
            let limits = layers.each_ref().map(|layer| layer.limit_of(update_type));
            assert_eq!(limits, expected.map(seconds), "{update_type}");
        }
    }

    /// A setting is no reason to panic on each request.
    #[tokio::test(start_paused = true)]
    async fn d17_a_limit_beyond_all_time_is_none_and_one_of_zero_is_over_at_once() {
        for (limit, expected) in [(Duration::MAX, 200), (Duration::ZERO, 503)] {
            let handler = service_fn(move |request: Request<RawUpdate>| {
                let has_deadline = request.extensions().get::<Deadline>().is_some();
                assert_eq!(has_deadline, limit.is_zero());
                async {
                    tokio::time::sleep(Duration::from_secs(100)).await;
                    Ok::<_, Infallible>(empty_response())
                }
            });
            let service = DeadlineLayer::new(limit).layer(handler);
            let update = RawUpdate::from_bytes(r#"{"update_id":1,"message":{}}"#.into()).unwrap();
            let answer = service.oneshot(Request::new(update)).await.unwrap();
            assert_eq!(answer.status().as_u16(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_deadline_remains_what_there_is_until_then() {
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(deadline.remaining(), Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }
}
