//! Encodes what the handler returns as the answer to Telegram.
//!
//! 1. Nothing: 200 with no body, from which the server writes `Content-Length: 0`.
//! 2. A method: 200, `application/json`, one object.
//! 3. A method with files: 200, `multipart/form-data`.
//! 4. A reply that can't be an answer, as its arguments are over 1 MiB or the length of a file isn't
//!    known: it is called through the [`client`](ReplyLayer::client) if there is one, and then
//!    answered with an empty 200; else 500. If Telegram refuses that call (as one that comes in an
//!    answer, which nobody hears of), the refusal is logged and the update done; if the call may work
//!    later, 500.
//! 5. A file that can't be read: 500.
//! 6. An error of the handler passes through; or, with
//!    [`errors_as_responses`](ReplyLayer::errors_as_responses), becomes 500, so that Telegram sends
//!    the update again. A panic, then, too.
//!
//! # Example
//!
//! ```
//! use http::{Request, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_telegram::{handler_fn, methods::SendMessage, webhook::ReplyLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(ReplyLayer::new().errors_as_responses())
//!     .service(handler_fn(async |text: &'static str| match text {
//!         "" => Err("nothing to echo"),
//!         text => Ok(SendMessage::new(42, text)),
//!     }));
//!
//! let answer = service.clone().oneshot(Request::new("hi")).await?;
//! assert_eq!(answer.headers()["content-type"], "application/json");
//!
//! let failed = service.oneshot(Request::new("")).await?;
//! assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! # Ok(())
//! # }
//! ```

mod body;

use std::{
    any::Any,
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    marker::PhantomData,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub use self::body::ReplyBody;
use super::{
    Failure, Rejection,
    outcome::{error_response, failed_response, failure},
    rejection::empty_response,
};
use crate::client::ErrorChain;
use crate::{
    Client, IntoReply, Reply, ReplyError, client::ErrorKind, task::polled_after_completion,
};

/// Encodes what the handler returns. See the [module](self).
///
/// `E` says what becomes of an error: it passes ([`PassErrors`]), or is answered
/// ([`ErrorsAsResponses`]).
#[derive(Clone, Debug, Default)]
pub struct ReplyLayer<E = PassErrors> {
    /// Shared, as every clone of the service has it.
    client: Option<Arc<Client>>,
    errors: PhantomData<fn() -> E>,
}

/// Errors of the inner service are the outer service's too.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct PassErrors;

/// Errors and panics of the inner service are answered with 500.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ErrorsAsResponses;

impl ReplyLayer {
    /// Encodes replies, and passes errors on.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<E> ReplyLayer<E> {
    /// Answers errors and panics with 500, so that the service has no error left.
    pub fn errors_as_responses(self) -> ReplyLayer<ErrorsAsResponses> {
        ReplyLayer {
            client: self.client,
            errors: PhantomData,
        }
    }

    /// What calls the replies that can't be answers.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(Arc::new(client));
        self
    }
}

impl<S, E> Layer<S> for ReplyLayer<E> {
    type Service = EncodeReply<S, E>;

    fn layer(&self, inner: S) -> Self::Service {
        EncodeReply {
            inner,
            client: self.client.clone(),
            broken: None,
            errors: self.errors,
        }
    }
}

/// The service of [`ReplyLayer`].
#[derive(Clone, Debug)]
pub struct EncodeReply<S, E = PassErrors> {
    inner: S,
    client: Option<Arc<Client>>,
    /// Why it won't get ready again.
    broken: Option<Failure>,
    errors: PhantomData<fn() -> E>,
}

impl<S, E> EncodeReply<S, E> {
    inner_accessors!();
}

type Later = Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>;

/// An answer: at once, or after files were opened or the client has called.
// Most are answers at once, which a box would only cost.
#[allow(clippy::large_enum_variant)]
enum EncodedReply {
    Now(Response<ReplyBody>),
    Later(Later),
}

/// The answer to what the handler returned.
fn encode<R: IntoReply>(reply: R, client: Option<&Arc<Client>>) -> EncodedReply {
    let reply = match reply.into_reply() {
        Ok(reply) => reply,
        Err(error) => return EncodedReply::Now(rejected(error)),
    };
    if ReplyBody::needs_opening(&reply) {
        return EncodedReply::Later(Box::pin(answer_later(reply, client.cloned())));
    }
    // Cheap: a reply is a handle to what was written.
    match (ReplyBody::respond(reply.clone()), client) {
        (Ok(response), _) => EncodedReply::Now(response),
        (Err(error), Some(client)) if fits_a_call(&error) => {
            EncodedReply::Later(Box::pin(call(reply, Arc::clone(client))))
        }
        (Err(error), _) => EncodedReply::Now(rejected(error)),
    }
}

async fn answer_later(reply: Reply, client: Option<Arc<Client>>) -> Response<ReplyBody> {
    match (ReplyBody::open_and_respond(reply.clone()).await, client) {
        (Ok(response), _) => response,
        (Err(error), Some(client)) if fits_a_call(&error) => call(reply, client).await,
        (Err(error), _) => rejected(error),
    }
}

/// Whether what can't be an answer can be a call.
fn fits_a_call(error: &ReplyError) -> bool {
    matches!(
        error,
        ReplyError::TooLarge { .. } | ReplyError::UnknownLength
    )
}

/// The client gives back what the method returned, which nobody has asked for.
async fn call(reply: Reply, client: Arc<Client>) -> Response<ReplyBody> {
    match client.send_reply(&reply).await {
        Ok(()) => empty_response(),
        // A file that can't be read is no refusal.
        Err(error) if !error.is_retryable() && error.kind() != ErrorKind::Upload => {
            tracing::error!(%error, "telegram refused a reply");
            empty_response()
        }
        Err(error) => {
            tracing::error!(%error, "failed to send reply through client");
            error_response(error.into())
        }
    }
}

fn rejected(error: ReplyError) -> Response<ReplyBody> {
    tracing::error!(error = %ErrorChain(&error), "reply can't be sent as a response");
    Rejection::Reply(error).into_response()
}

impl<S, T> Service<Request<T>> for EncodeReply<S, PassErrors>
where
    S: Service<Request<T>>,
    S::Response: IntoReply,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<T>) -> Self::Future {
        ResponseFuture {
            answer: ReplyState::Handling {
                future: self.inner.call(request),
                client: self.client.clone(),
            },
        }
    }
}

pin_project! {
    #[project = ReplyStateProj]
    enum ReplyState<F> {
        Handling { #[pin] future: F, client: Option<Arc<Client>> },
        Later { future: Later },
        Failed { failure: Option<Failure> },
    }
}

impl<F, R, E> Future for ReplyState<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
{
    type Output = Result<Response<ReplyBody>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let later = match self.as_mut().project() {
                ReplyStateProj::Later { future } => return future.as_mut().poll(cx).map(Ok),
                ReplyStateProj::Failed { failure } => {
                    let failure = failure.take().unwrap_or_else(|| polled_after_completion());
                    return Poll::Ready(Ok(failed_response(failure)));
                }
                ReplyStateProj::Handling { future, client } => {
                    match encode(ready!(future.poll(cx))?, client.as_ref()) {
                        EncodedReply::Now(response) => return Poll::Ready(Ok(response)),
                        EncodedReply::Later(later) => later,
                    }
                }
            };
            self.set(Self::Later { future: later });
        }
    }
}

pin_project! {
    /// The response future of [`EncodeReply`] that passes errors.
    pub struct ResponseFuture<F> {
        #[pin]
        answer: ReplyState<F>,
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
{
    type Output = Result<Response<ReplyBody>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answer.poll(cx)
    }
}

impl<S, T> Service<Request<T>> for EncodeReply<S, ErrorsAsResponses>
where
    S: Service<Request<T>>,
    S::Response: IntoReply,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = AnsweredFuture<S::Future>;

    /// An inner service that won't get ready again is an error like any other: the next request is
    /// answered with it, and the inner service, which isn't ready, isn't called.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let ready = ready!(self.inner.poll_ready(cx));
        self.broken = ready.err().map(|error| {
            let error = error.into();
            log(&*error);
            failure(error)
        });
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<T>) -> Self::Future {
        if let Some(failure) = self.broken.take() {
            let failure = Some(failure);
            return AnsweredFuture {
                answer: ReplyState::Failed { failure },
            };
        }
        // A panicking handler must not take the connection with it, on which more updates wait.
        let call = panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        let answer = match call {
            Ok(future) => ReplyState::Handling {
                future,
                client: self.client.clone(),
            },
            Err(panic) => {
                log_panic(&*panic);
                let failure = Some(Failure::panic(&*panic));
                ReplyState::Failed { failure }
            }
        };
        AnsweredFuture { answer }
    }
}

pin_project! {
    /// The response future of [`EncodeReply`] that answers errors.
    pub struct AnsweredFuture<F> {
        #[pin]
        answer: ReplyState<F>,
    }
}

impl<F> fmt::Debug for AnsweredFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnsweredFuture").finish_non_exhaustive()
    }
}

impl<F, R, E> Future for AnsweredFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Response<ReplyBody>, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answer = self.project().answer;
        // Encoding runs the handler's code too, where its type serializes in its own way.
        let polled = panic::catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx)));
        let response = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Ready(Err(error))) => {
                let error = error.into();
                log(&*error);
                error_response(error)
            }
            Err(panic) => {
                log_panic(&*panic);
                answer.set(ReplyState::Failed { failure: None });
                failed_response(Failure::panic(&*panic))
            }
        };
        Poll::Ready(Ok(response))
    }
}

fn log(error: &(dyn Error + Send + Sync + 'static)) {
    let error = ErrorChain(error);
    tracing::error!(%error, "handler failed");
}

fn log_panic(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("not a text"), "the handler panicked");
}
