//! A span for each attempt at an update.
//!
//! 1. One span an attempt, at level `INFO`, named `telegram.update`: the update's number and type, the bot, the number of
//!    the attempt, and its outcome. The page [`guide::observability`](crate::guide::observability) lists
//!    the fields. Each event about the update that is written within it has these fields.
//! 2. The layer belongs below `DeliveryLayer` and around all that handles the update, which is where
//!    [`Webhook`](super::Webhook) has it. There the span follows the handler onto a task of its own after a
//!    hang-up, and a redelivery that joins the running handler makes no second span.
//! 3. Calls that the handler makes are children of the span, if
//!    [`TraceCallsLayer`](crate::client::TraceCallsLayer) traces them. So is the call of a reply that is sent
//!    through the client: after an early acknowledgement, by polling and by a queue's worker.
//! 4. Polling and a queue's workers hand their updates to the same service, so that their spans are the same. An
//!    update from a queue has the trace context in which it was put there as `telegram.link.traceparent`, and
//!    [`link_with`](TraceUpdatesLayer::link_with) makes a link of it.
//! 5. Chat and user aren't recorded by default. The text of messages never is.
//! 6. Closures as those of tower-http's `TraceLayer` replace the span or add to it. One that panics is logged, and the
//!    update is handled all the same.
//! 7. A deferral's reason is the span's `error.type`, with its causes in `error.message`, and counted in
//!    `telegram.updates.deferred`.
//!
//! With the feature `metrics` the layer also counts and measures the attempts. Without it, an update through a
//! layer whose spans nothing records costs less than 100 instructions more.
//!
//! # Example
//!
//! ```
//! use std::sync::{
//!     Arc,
//!     atomic::{AtomicUsize, Ordering},
//! };
//!
//! use http::Request;
//! use tower::{ServiceBuilder, ServiceExt as _};
//! use tower_telegram::{
//!     handler_fn,
//!     types::Update,
//!     webhook::{RawUpdate, ServiceBuilderExt as _, TraceUpdatesLayer, UpdateOutcome},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let failures = Arc::new(AtomicUsize::new(0));
//! let counter = Arc::clone(&failures);
//! let layer = TraceUpdatesLayer::new().on_failure(move |outcome, took, _span| {
//!     assert_eq!(outcome, UpdateOutcome::Failed);
//!     println!("failed after {took:?}");
//!     counter.fetch_add(1, Ordering::Relaxed);
//! });
//! let service = ServiceBuilder::new()
//!     .layer(layer)
//!     .parse::<Update>()
//!     .reply()
//!     .service(handler_fn(async |update: Update| match update.update_id {
//!         7 => Ok(()),
//!         _ => Err("the database is down"),
//!     }));
//!
//! for (update, failed) in [(r#"{"update_id":7,"poll":{}}"#, 0), (r#"{"update_id":8,"poll":{}}"#, 1)] {
//!     let update = RawUpdate::from_bytes(update.into())?;
//!     service.clone().oneshot(Request::new(update)).await?;
//!     assert_eq!(failures.load(Ordering::Relaxed), failed);
//! }
//! # Ok(())
//! # }
//! ```

mod hooks;
mod outcome;
mod service;

use std::{fmt, sync::Arc, time::Duration};

use http::{Request, Response};
use tower_layer::Layer;
use tracing::Span;

use self::hooks::UpdateHooks;
pub use self::{
    outcome::UpdateOutcome,
    service::{ResponseFuture, TraceUpdates},
};
use super::{RawUpdate, ReplyBody};

/// Records a span for each attempt at an update. See the [module](self).
#[derive(Clone, Default)]
pub struct TraceUpdatesLayer {
    /// `None` for those that nothing was set on.
    hooks: Option<Arc<UpdateHooks>>,
}

impl TraceUpdatesLayer {
    /// Records updates without their chats and users.
    pub fn new() -> Self {
        Self::default()
    }

    fn hook(mut self, set: impl FnOnce(&mut UpdateHooks)) -> Self {
        set(Arc::make_mut(self.hooks.get_or_insert_default()));
        self
    }

    /// For a service that passes updates on, such as [`Enqueue`](crate::queue::Enqueue), with which a queue over Redis,
    /// NATS or an engine of your own takes them: the span is one of kind `producer`, named `send` in place of `process`.
    /// [`Webhook::queue`](super::Webhook::queue) does it by itself.
    #[cfg_attr(not(feature = "queue"), allow(rustdoc::broken_intra_doc_links))]
    pub fn producer(self) -> Self {
        self.hook(|hooks| hooks.is_producer = true)
    }

    /// Records the update's chat as `telegram.chat.id`. Default: it isn't recorded, because it says who talks to
    /// the bot. It takes a scan of the update.
    pub fn with_chat(self) -> Self {
        self.hook(|hooks| hooks.with_chat = true)
    }

    /// Records the update's user as `telegram.user.id`. Default: it isn't recorded, because it says who talks to
    /// the bot. It takes a scan of the update.
    pub fn with_user(self) -> Self {
        self.hook(|hooks| hooks.with_user = true)
    }

    /// The span of an update, in place of the layer's own.
    ///
    /// The layer records the fields that the span has; those that it lacks aren't recorded. Don't record
    /// [`RawUpdate::bytes`]: it is what people write.
    ///
    /// ```
    /// use tower_telegram::webhook::TraceUpdatesLayer;
    /// use tracing::field::Empty;
    ///
    /// let layer = TraceUpdatesLayer::new().make_span_with(|request| {
    ///     let update_id = request.body().update_id();
    ///     tracing::debug_span!("update", update_id, "telegram.update.outcome" = Empty)
    /// });
    /// # let _ = layer;
    /// ```
    pub fn make_span_with(
        self,
        make: impl Fn(&Request<RawUpdate>) -> Span + Send + Sync + 'static,
    ) -> Self {
        self.hook(|hooks| hooks.make_span = Some(Arc::new(make)))
    }

    /// A function that links the span to the trace context in which the update was put into a queue. Default:
    /// none; the context is recorded as the field `telegram.link.traceparent`.
    ///
    /// It is called before the span is entered, with a `traceparent` as in W3C's
    /// [Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header), as
    /// `trace_context` of the queue gave it. With the crate `tracing-opentelemetry` the function calls
    /// `OpenTelemetrySpanExt::add_link`, as `src/queue.rs` of the example `observability` does.
    pub fn link_with(self, link: impl Fn(&str, &Span) + Send + Sync + 'static) -> Self {
        self.hook(|hooks| hooks.link = Some(Arc::new(link)))
    }

    /// A function that is called within the span before the update is handled. Default: none.
    pub fn on_request(
        self,
        hook: impl Fn(&Request<RawUpdate>, &Span) + Send + Sync + 'static,
    ) -> Self {
        self.hook(|hooks| hooks.on_request = Some(Arc::new(hook)))
    }

    /// A function that is called within the span with the response to an update that is done, and the attempt's
    /// duration. Default: none.
    pub fn on_response(
        self,
        hook: impl Fn(&Response<ReplyBody>, Duration, &Span) + Send + Sync + 'static,
    ) -> Self {
        self.hook(|hooks| hooks.on_response = Some(Arc::new(hook)))
    }

    /// A function that is called within the span with any other outcome of an attempt, and the attempt's
    /// duration. Default: none; the failure is recorded as fields of the span.
    pub fn on_failure(
        self,
        hook: impl Fn(UpdateOutcome, Duration, &Span) + Send + Sync + 'static,
    ) -> Self {
        self.hook(|hooks| hooks.on_failure = Some(Arc::new(hook)))
    }
}

impl<S> Layer<S> for TraceUpdatesLayer {
    type Service = TraceUpdates<S>;

    fn layer(&self, inner: S) -> TraceUpdates<S> {
        TraceUpdates::new(inner, self.hooks.clone())
    }
}

impl fmt::Debug for TraceUpdatesLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hooks = self.hooks.as_deref();
        f.debug_struct("TraceUpdatesLayer")
            .field("with_chat", &hooks.is_some_and(|hooks| hooks.with_chat))
            .field("with_user", &hooks.is_some_and(|hooks| hooks.with_user))
            .finish_non_exhaustive()
    }
}
