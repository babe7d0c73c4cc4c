//! [`Webhook`] as a layer around an HTTP handler, such as a route of axum's.
//!
//! 1. The webhook checks the secret, reads the body within its limits, passes on the allowed types of update, and
//!    has its deadline, deliveries and sequence.
//! 2. The handler gets the request with the body as it came, and the [`RawUpdate`] in its extensions.
//! 3. The status of its response is the result: with a 2xx the update is done, with any other status its attempt
//!    has failed. The reply is the [`Reply`] in the response's extensions, where `axum::Telegram` of the feature
//!    `axum` puts it. A body without a `Reply` is dropped with a warning, because redeliveries couldn't get it.
//! 4. The handler parses the update itself. [`Webhook::on_unreadable`] is called where that was done by
//!    `axum::Telegram`, and wherever the response has [`Rejection::Unreadable`] in its extensions; a handler
//!    that parses the bytes by other means deals with the error itself.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn app() -> Result<axum::Router, Box<dyn std::error::Error>> {
//! use axum::{Router, extract::State, routing::post};
//! use tower_telegram::{
//!     axum::Telegram,
//!     methods::SendMessage,
//!     types::Update,
//!     webhook::{SecretToken, Webhook},
//! };
//!
//! async fn greet(
//!     State(greeting): State<&'static str>,
//!     Telegram(update): Telegram<Update>,
//! ) -> Telegram<Option<SendMessage>> {
//!     let chat = update.chat().map(|chat| chat.id);
//!     Telegram(chat.map(|chat| SendMessage::new(chat, greeting)))
//! }
//!
//! let webhook = Webhook::new(SecretToken::new("swordfish")?);
//! let app = Router::new()
//!     .route("/telegram", post(greet))
//!     .route_layer(webhook)
//!     .with_state("hi");
//! # Ok(app)
//! # }
//! ```

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response, header, response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Failure, RawUpdate, Rejection, ReplyBody, Webhook, WebhookFuture,
    allowed_updates::FilterUpdates,
    delivery_stack::DeliveryStack,
    parse::UnreadableHook,
    secret_token::RequireSecretToken,
    update::{self, ReadUpdate},
};
use crate::{Reply, body::bytes::BytesBody};

impl<S, U> Layer<S> for Webhook<U> {
    type Service = WebhookMiddleware<S>;

    fn layer(&self, inner: S) -> WebhookMiddleware<S> {
        WebhookMiddleware {
            stack: self.around_updates(HttpHandler {
                inner,
                on_unreadable: self.unreadable_hook(),
            }),
        }
    }
}

type Updates<S> = FilterUpdates<DeliveryStack<HttpHandler<S>>>;
type Stack<S> = RequireSecretToken<ReadUpdate<Updates<S>>>;

/// The service of a [`Webhook`] as a layer. See the [module](self).
#[derive(Clone, Debug)]
pub struct WebhookMiddleware<S> {
    stack: Stack<S>,
}

type UpdatesFuture<S> = <Updates<S> as Service<Request<RawUpdate>>>::Future;
type MiddlewareFuture<S, B> =
    super::ResponseFuture<update::ResponseFuture<Updates<S>, UpdatesFuture<S>, B>>;

impl<S, B, R> Service<Request<B>> for WebhookMiddleware<S>
where
    S: Service<Request<BytesBody>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send + 'static,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
    R: Body + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = WebhookFuture<MiddlewareFuture<S, B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Service::<Request<B>>::poll_ready(&mut self.stack, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        WebhookFuture::new(self.stack.call(request))
    }
}

/// A service of HTTP requests as one of updates.
#[derive(Clone)]
#[allow(unreachable_pub)] // Named in the type of a future.
pub struct HttpHandler<S> {
    inner: S,
    on_unreadable: Option<UnreadableHook>,
}

impl<S: fmt::Debug> fmt::Debug for HttpHandler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHandler")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, R> Service<Request<RawUpdate>> for HttpHandler<S>
where
    S: Service<Request<BytesBody>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: Body + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = S::Error;
    type Future = HttpHandlerFuture<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RawUpdate>) -> Self::Future {
        let (mut head, raw) = request.into_parts();
        let (update_id, body) = (raw.update_id(), BytesBody::new(raw.bytes().clone()));
        let hook = self.on_unreadable.clone().map(|hook| (hook, raw.clone()));
        head.extensions.insert(raw);
        let handling = self.inner.call(Request::from_parts(head, body));
        HttpHandlerFuture(Box::pin(async move {
            let (head, has_body) = {
                let (head, body) = handling.await?.into_parts();
                (head, !body.is_end_stream())
            };
            if let (Some((hook, raw)), Some(Rejection::Unreadable(error))) =
                (hook, head.extensions.get())
            {
                hook(&raw, error);
            }
            Ok(of_http(update_id, head, has_body).await)
        }))
    }
}

/// The future of a handler of HTTP requests.
pub struct HttpHandlerFuture<E>(
    Pin<Box<dyn Future<Output = Result<Response<ReplyBody>, E>> + Send>>,
);

impl<E> fmt::Debug for HttpHandlerFuture<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpHandlerFuture")
    }
}

impl<E> Future for HttpHandlerFuture<E> {
    type Output = Result<Response<ReplyBody>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

/// The update's response, made from the response of an HTTP handler.
async fn of_http(update_id: i64, mut head: response::Parts, has_body: bool) -> Response<ReplyBody> {
    let reply: Option<Reply> = head.extensions.remove();
    if let Some(reply) = reply.filter(|_| head.status.is_success()) {
        return match ReplyBody::open_and_respond(reply).await {
            Ok(response) => response,
            Err(error) => Rejection::Reply(error).into_response(),
        };
    }
    if has_body && head.status.is_success() {
        tracing::warn!(update_id, "body of a response without a reply dropped");
    }
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
    ] {
        head.headers.remove(name);
    }
    // The handler chose the status, so it counts as a failed attempt; a layer's 503 or 429 would not.
    if !head.status.is_success() && head.extensions.get::<Rejection>().is_none() {
        head.extensions.insert(Failure::status(head.status));
    }
    Response::from_parts(head, ReplyBody::default())
}
