//! The service of [`TraceUpdatesLayer`](super::TraceUpdatesLayer), and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::{Span, level_filters::LevelFilter};

use super::{
    UpdateOutcome,
    hooks::{UpdateHooks, record_link, update_span},
    outcome::JudgedAttempt,
};
use crate::{
    task::{clock::Instant, polled_after_completion},
    telemetry::{
        handler_start::HandlerStart,
        metric, names,
        update_span::{AttemptNumber, CreationContext, UpdateSpan},
    },
    types::UpdateType,
    webhook::{RawUpdate, ReplyBody, update::age},
};

/// The service of [`TraceUpdatesLayer`](super::TraceUpdatesLayer).
#[derive(Clone)]
pub struct TraceUpdates<S> {
    inner: S,
    hooks: Option<Arc<UpdateHooks>>,
}

impl<S> TraceUpdates<S> {
    pub(super) fn new(inner: S, hooks: Option<Arc<UpdateHooks>>) -> Self {
        Self { inner, hooks }
    }

    inner_accessors!();
}

impl<S: fmt::Debug> fmt::Debug for TraceUpdates<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceUpdates")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S> Service<Request<RawUpdate>> for TraceUpdates<S>
where
    S: Service<Request<RawUpdate>, Response = Response<ReplyBody>>,
    S::Error: 'static,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<RawUpdate>) -> Self::Future {
        let Some(mut trace) = begin(self.hooks.as_ref(), &mut request) else {
            return ResponseFuture {
                state: UpdateState::Plain {
                    future: self.inner.call(request),
                },
            };
        };
        let future = trace.within(|| self.inner.call(request));
        let traced = Box::pin(TracedUpdateFuture {
            future: Some(future),
            trace,
        });
        ResponseFuture {
            state: UpdateState::Traced {
                traced: Some(traced),
            },
        }
    }
}

/// `None` if nothing records the update. Without a subscriber that takes one comparison.
#[inline]
fn begin(
    hooks: Option<&Arc<UpdateHooks>>,
    request: &mut Request<RawUpdate>,
) -> Option<TracedUpdate> {
    if hooks.is_none() && !metric::IS_ON && LevelFilter::current() < LevelFilter::INFO {
        return None;
    }
    begin_recording(hooks, request)
}

#[inline(never)]
fn begin_recording(
    hooks: Option<&Arc<UpdateHooks>>,
    request: &mut Request<RawUpdate>,
) -> Option<TracedUpdate> {
    let span = match hooks {
        None => update_span(request),
        Some(hooks) => hooks.make_span(request),
    };
    if span.is_disabled() && hooks.is_none() && !metric::IS_ON {
        return None;
    }
    Some(TracedUpdate::new(span, hooks.cloned(), request))
}

/// An attempt that is recorded.
struct TracedUpdate {
    span: Span,
    hooks: Option<Arc<UpdateHooks>>,
    began: Instant,
    update_id: i64,
    update_type: UpdateType,
    attempt: AttemptNumber,
    handler_start: HandlerStart,
    has_ended: bool,
}

impl TracedUpdate {
    fn new(span: Span, hooks: Option<Arc<UpdateHooks>>, request: &mut Request<RawUpdate>) -> Self {
        let (update_id, update_type) = (request.body().update_id(), request.body().update_type());
        let attempt = AttemptNumber::of(request.extensions());
        let is_handled = !is_producer(hooks.as_ref());
        if metric::IS_ON && is_handled {
            names::IN_FLIGHT.add(1.0, []);
            if let Some(age) = age(request.body()) {
                let labels = [update_type.as_str().into()];
                names::DELIVERY_LAG.record(age.as_secs_f64(), labels);
            }
        }
        if !span.is_disabled() {
            if let Some(context) = request.extensions().get::<CreationContext>() {
                record_link(context, &span);
                if let Some(hooks) = &hooks {
                    hooks.link(update_id, context, &span);
                }
            }
            request.extensions_mut().insert(UpdateSpan(span.clone()));
        }
        if let Some(hooks) = &hooks {
            hooks.on_request(request, &span);
        }
        Self {
            span,
            hooks,
            began: Instant::now(),
            update_id,
            update_type,
            attempt,
            handler_start: HandlerStart::insert(request.extensions_mut()),
            has_ended: false,
        }
    }

    /// Runs a step of the attempt within the span. One that panics has failed.
    fn within<T>(&mut self, step: impl FnOnce() -> T) -> T {
        let span = self.span.clone();
        let _entered = span.enter();
        let mut panicking = EndOnPanic(Some(self));
        let done = step();
        panicking.0 = None;
        done
    }

    fn ended<E: 'static>(&mut self, result: &mut Result<Response<ReplyBody>, E>) {
        let judged = match result {
            Ok(response) => JudgedAttempt::of(response, self.attempt),
            Err(error) => JudgedAttempt::of_error(error, self.attempt),
        };
        let span = self.span.clone();
        let _entered = span.enter();
        self.end(&judged);
        let Ok(response) = result else {
            return;
        };
        if judged.outcome == UpdateOutcome::Done {
            let method = response.body().reply().method();
            method.map(|method| span.record("telegram.reply.method", method));
            let has_reply = method.is_some();
            if let Some(hooks) = &self.hooks {
                hooks.on_response(self.update_id, response, self.began.elapsed(), &span);
            }
            if has_reply && !span.is_disabled() {
                // The code that sends the reply does so within the span.
                response.extensions_mut().insert(UpdateSpan(span.clone()));
            }
        }
    }

    /// Records the outcome, once.
    fn end(&mut self, judged: &JudgedAttempt) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let (span, outcome) = (&self.span, judged.outcome);
        let handler_took = self.handler_start.elapsed();
        let took = self.began.elapsed();
        span.record("telegram.update.outcome", outcome.as_str());
        if outcome.is_failure() {
            span.record("otel.status_code", "ERROR");
        }
        if let Some(error_type) = &judged.error_type {
            span.record("error.type", &**error_type);
            if judged.is_uncounted_deferral {
                names::DEFERRED.increment([error_type.clone()]);
            }
        }
        if let Some(message) = &judged.message {
            span.record("error.message", &**message);
        }
        // One that goes into a queue is counted where it is handled.
        if metric::IS_ON && !is_producer(self.hooks.as_ref()) {
            let labels = || [self.update_type.as_str().into(), outcome.as_str().into()];
            names::UPDATES.increment(labels());
            names::PROCESS_DURATION.record(took.as_secs_f64(), labels());
            if let Some(took) = handler_took.filter(|_| !judged.is_shed()) {
                names::HANDLER_DURATION.record(took.as_secs_f64(), labels());
            }
            names::IN_FLIGHT.add(-1.0, []);
        }
        if outcome != UpdateOutcome::Done
            && let Some(hooks) = &self.hooks
        {
            hooks.on_failure(self.update_id, outcome, took, span);
        }
    }
}

/// Whether the updates go into a queue, where they are handled later.
fn is_producer(hooks: Option<&Arc<UpdateHooks>>) -> bool {
    hooks.is_some_and(|hooks| hooks.is_producer)
}

/// Ends an attempt that panics. The layer that catches the panic is further out.
struct EndOnPanic<'a>(Option<&'a mut TracedUpdate>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if let Some(trace) = self.0.take() {
            trace.end(&JudgedAttempt::panicked(trace.attempt));
        }
    }
}

pin_project! {
    /// An attempt that is recorded, with its future.
    struct TracedUpdateFuture<F> {
        // Dropped within the span.
        #[pin]
        future: Option<F>,
        trace: TracedUpdate,
    }

    impl<F> PinnedDrop for TracedUpdateFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                this.trace.within(|| this.future.set(None));
                let span = this.trace.span.clone();
                span.in_scope(|| this.trace.end(&JudgedAttempt::new(UpdateOutcome::Cancelled)));
            }
        }
    }
}

impl<F, E> Future for TracedUpdateFuture<F>
where
    F: Future<Output = Result<Response<ReplyBody>, E>>,
    E: 'static,
{
    type Output = Result<Response<ReplyBody>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            polled_after_completion()
        };
        let mut done = ready!(this.trace.within(|| future.poll(cx)));
        this.trace.within(|| this.future.set(None));
        this.trace.ended(&mut done);
        Poll::Ready(done)
    }
}

pin_project! {
    // An attempt that isn't recorded costs no more than its own future, and needs no code to drop it.
    #[project = UpdateStateProjection]
    enum UpdateState<F> {
        Plain {
            #[pin]
            future: F,
        },
        Traced {
            // `None` when the attempt has ended.
            traced: Option<Pin<Box<TracedUpdateFuture<F>>>>,
        },
    }
}

pin_project! {
    /// The response future of [`TraceUpdates`].
    pub struct ResponseFuture<F> {
        #[pin]
        state: UpdateState<F>,
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ReplyBody>, E>>,
    E: 'static,
{
    type Output = Result<Response<ReplyBody>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            UpdateStateProjection::Plain { future } => future.poll(cx),
            UpdateStateProjection::Traced { traced } => {
                let Some(future) = traced else {
                    polled_after_completion()
                };
                let done = ready!(future.as_mut().poll(cx));
                // The attempt has ended, however long this is kept.
                *traced = None;
                Poll::Ready(done)
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
