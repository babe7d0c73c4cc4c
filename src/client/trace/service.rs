//! The service of [`TraceCallsLayer`](super::TraceCallsLayer), and its future.

use std::{
    borrow::Cow,
    error, fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::{Span, level_filters::LevelFilter};

use super::hooks::{CallHooks, call_span};
use crate::{
    client::{
        ApiRequest, ApiResponse, Error, error_chain::ErrorChain, into_error::to_client_error,
    },
    task::{clock::Instant, polled_after_completion},
    telemetry::call_span::{CallSpan, unfinished},
};

/// The service of [`TraceCallsLayer`](super::TraceCallsLayer).
#[derive(Clone)]
pub struct TraceCalls<S> {
    inner: S,
    hooks: Option<Arc<CallHooks>>,
}

impl<S> TraceCalls<S> {
    pub(super) fn new(inner: S, hooks: Option<Arc<CallHooks>>) -> Self {
        Self { inner, hooks }
    }

    inner_accessors!();
}

impl<S: fmt::Debug> fmt::Debug for TraceCalls<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceCalls")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S> Service<ApiRequest> for TraceCalls<S>
where
    S: Service<ApiRequest, Response = ApiResponse>,
    S::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Response = ApiResponse;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(to_client_error)
    }

    #[inline]
    fn call(&mut self, call: ApiRequest) -> Self::Future {
        // Without a subscriber that takes one comparison.
        if self.hooks.is_none() && LevelFilter::current() < LevelFilter::INFO {
            // Made in its place: a move of the future is most of what a call costs that isn't recorded.
            return ResponseFuture {
                state: CallState::Plain {
                    future: self.inner.call(call),
                },
            };
        }
        self.call_recorded(call)
    }
}

impl<S> TraceCalls<S>
where
    S: Service<ApiRequest, Response = ApiResponse>,
{
    /// A function of its own, so that a call that isn't recorded has nothing of it in its frame.
    #[inline(never)]
    fn call_recorded(&mut self, mut call: ApiRequest) -> ResponseFuture<S::Future> {
        let Some(trace) = begin(self.hooks.as_ref(), &mut call) else {
            return ResponseFuture {
                state: CallState::Plain {
                    future: self.inner.call(call),
                },
            };
        };
        let future = trace.span.in_scope(|| self.inner.call(call));
        let traced = Box::pin(TracedCallFuture {
            future: Some(future),
            trace,
        });
        ResponseFuture {
            state: CallState::Traced {
                traced: Some(traced),
            },
        }
    }
}

/// `None` if nothing records the call.
fn begin(hooks: Option<&Arc<CallHooks>>, call: &mut ApiRequest) -> Option<TracedCall> {
    let span = match hooks {
        None => call_span(call),
        Some(hooks) => hooks.make_span(call),
    };
    if span.is_disabled() && hooks.is_none() {
        return None;
    }
    Some(TracedCall::new(span, hooks.cloned(), call))
}

/// A call that is recorded.
struct TracedCall {
    span: Span,
    method: Cow<'static, str>,
    hooks: Option<Arc<CallHooks>>,
    began: Instant,
    has_ended: bool,
}

impl TracedCall {
    fn new(span: Span, hooks: Option<Arc<CallHooks>>, call: &mut ApiRequest) -> Self {
        call.extensions_mut().insert(CallSpan::new(span.clone()));
        if let Some(hooks) = &hooks {
            hooks.on_request(call, &span);
        }
        Self {
            span,
            method: call.method_name(),
            hooks,
            began: Instant::now(),
            has_ended: false,
        }
    }

    /// Within the span.
    fn end(&self, result: &Result<ApiResponse, Error>) {
        let Self {
            span,
            method,
            hooks,
            began,
            ..
        } = self;
        match result {
            Ok(response) => {
                span.record("http.response.status_code", response.status().as_u16());
                if let Some(hooks) = hooks {
                    hooks.on_response(method, response, began.elapsed(), span);
                }
            }
            Err(error) => {
                if let Some(status) = error.status() {
                    span.record("http.response.status_code", status.as_u16());
                }
                span.record("otel.status_code", "ERROR");
                span.record("error.type", error.kind().name());
                let message = ErrorChain(error);
                span.record("error.message", tracing::field::display(message));
                if let Some(hooks) = hooks {
                    hooks.on_failure(method, error, began.elapsed(), span);
                }
            }
        }
    }
}

/// A call that is dropped was cancelled, such as by a time limit around it, or something below it panicked. No hook is
/// called, because there is neither a response nor an error.
impl Drop for TracedCall {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let error_type = unfinished();
        self.span.record("error.type", error_type);
        if error_type == "panic" {
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

pin_project! {
    /// A call that is recorded, with its future.
    struct TracedCallFuture<F> {
        // Dropped within the span.
        #[pin]
        future: Option<F>,
        trace: TracedCall,
    }

    impl<F> PinnedDrop for TracedCallFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _entered = this.trace.span.enter();
                this.future.set(None);
            }
        }
    }
}

impl<F, E> Future for TracedCallFuture<F>
where
    F: Future<Output = Result<ApiResponse, E>>,
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Output = Result<ApiResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            polled_after_completion()
        };
        let entered = this.trace.span.enter();
        let done = ready!(future.poll(cx)).map_err(to_client_error);
        this.future.set(None);
        this.trace.end(&done);
        drop(entered);
        this.trace.has_ended = true;
        Poll::Ready(done)
    }
}

pin_project! {
    // A call that isn't recorded costs no more than its own future, and needs no code to drop it.
    #[project = CallStateProjection]
    enum CallState<F> {
        Plain {
            #[pin]
            future: F,
        },
        Traced {
            // `None` when the call has ended.
            traced: Option<Pin<Box<TracedCallFuture<F>>>>,
        },
    }
}

pin_project! {
    /// The response future of [`TraceCalls`].
    pub struct ResponseFuture<F> {
        #[pin]
        state: CallState<F>,
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ApiResponse, E>>,
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Output = Result<ApiResponse, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            CallStateProjection::Plain { future } => future.poll(cx).map_err(to_client_error),
            CallStateProjection::Traced { traced } => poll_recorded(traced, cx),
        }
    }
}

#[inline(never)]
fn poll_recorded<F, E>(
    traced: &mut Option<Pin<Box<TracedCallFuture<F>>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<ApiResponse, Error>>
where
    F: Future<Output = Result<ApiResponse, E>>,
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    let Some(future) = traced else {
        polled_after_completion()
    };
    let done = ready!(future.as_mut().poll(cx));
    // The call has ended, however long this is kept.
    *traced = None;
    Poll::Ready(done)
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
