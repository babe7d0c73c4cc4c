//! [`Webhook`] as a layer around an HTTP handler, such as a route of axum's.
//!
//! 1. The webhook checks the secret, reads the body within its limits, passes on the allowed types of update, and
//!    has its deadline, deliveries and sequence.
//! 2. The handler gets the request with the body as it came, and the [`RawUpdate`] in its extensions.
//! 3. The status of its response is the result: with a 2xx the update is done. With 401, 429 or 503 it is tried
//!    again later, and the attempt isn't counted: a layer between the webhook and the handler rejected the request, or
//!    had no room for it. With any other status the attempt has failed. A [`Failure`] in the response's extensions says
//!    whether another attempt can help; with the feature `axum` it is a response, and so an error of a handler's.
//! 4. The reply is the [`Reply`] in the response's extensions, where `axum::Telegram` of the feature `axum` puts it.
//!    A body without a `Reply` is dropped with a warning, because redeliveries couldn't get it.
//! 5. Telegram gets a 500 in place of a 1xx, a 3xx or a 410, and none of the headers except `Retry-After`.
//!    A `Retry-After` of the handler, in seconds or a date, is sent in seconds. It is limited to a tenth of the time
//!    for which Telegram keeps the update, and to 60 s, because Telegram drops an update that would be too old by
//!    then. A response that defers the update and has none that can be read gets one of 1 s.
//! 6. The handler parses the update itself. [`Webhook::on_unreadable`] is called where that was done by
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

use http::{Request, Response, StatusCode, header, response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Failure, RawUpdate, Rejection, ReplyBody, Webhook, WebhookFuture,
    allowed_updates::AllowedUpdatesService,
    delivery_stack::DeliveryStack,
    outcome::{Outcome, defers, set_retry_after},
    parse::UnreadableHook,
    redelivery::pause_within_life,
    secret_token::SecretTokenService,
    update::{self, UpdateService},
};
use crate::{
    Reply, body::bytes::BytesBody, telemetry::handler_start::HandlerStart, types::UpdateType,
};

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

type Updates<S> = AllowedUpdatesService<DeliveryStack<HttpHandler<S>>>;
type Stack<S> = SecretTokenService<UpdateService<Updates<S>>>;

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
        let (update_id, update_type) = (raw.update_id(), raw.update_type());
        let body = BytesBody::new(raw.bytes().clone());
        let hook = self.on_unreadable.clone().map(|hook| (hook, raw.clone()));
        let handler_start = head.extensions.get::<HandlerStart>().cloned();
        head.extensions.insert(raw);
        let handling = self.inner.call(Request::from_parts(head, body));
        HttpHandlerFuture(Box::pin(async move {
            let (head, has_body) = {
                let (head, body) = handling.await?.into_parts();
                (head, !body.is_end_stream())
            };
            // The extractor has responded in place of the handler.
            if let Some(Rejection::Unreadable(_) | Rejection::Malformed(_)) = head.extensions.get()
                && let Some(start) = handler_start
            {
                start.unset();
            }
            if let (Some((hook, raw)), Some(Rejection::Unreadable(error))) =
                (hook, head.extensions.get())
            {
                hook(&raw, error);
            }
            let mut response = of_http(update_id, head, has_body).await;
            limit_pause(&mut response, update_type);
            Ok(response)
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
    if is_failure(&head) {
        let status = head.status;
        head.extensions
            .get_or_insert_with(|| Failure::status(status));
    }
    if !may_be_sent(head.status) {
        head.status = StatusCode::INTERNAL_SERVER_ERROR;
        let retry_after = head.headers.remove(header::RETRY_AFTER);
        head.headers.clear();
        head.headers
            .extend(retry_after.map(|value| (header::RETRY_AFTER, value)));
    }
    Response::from_parts(head, ReplyBody::default())
}

/// Telegram reads `Retry-After` as whole seconds, and drops an update whose life is over by then. A deferral always has
/// a pause, because without one Telegram sends the update again at once.
fn limit_pause(response: &mut Response<ReplyBody>, update_type: UpdateType) {
    let asked = match Outcome::of(response) {
        Outcome::Deferred { after } => after,
        Outcome::Failed {
            after: Some(after), ..
        } => Some(after),
        _ => return,
    };
    let pause = pause_within_life(update_type, 1, asked);
    set_retry_after(response, pause);
}

/// Whether the status counts as a failed attempt. A response with a [`Rejection`] is judged by that.
fn is_failure(head: &response::Parts) -> bool {
    let has_rejection = head.extensions.get::<Rejection>().is_some();
    !head.status.is_success() && !defers(head.status) && !has_rejection
}

/// Telegram deletes a webhook that responds only with 410 for about a day; it doesn't expect a 1xx, and follows no
/// redirection.
fn may_be_sent(status: StatusCode) -> bool {
    !status.is_informational() && !status.is_redirection() && status != StatusCode::GONE
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use std::{
        convert::Infallible,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::webhook::DeliveryLayer;

    fn delivered() -> Request<BytesBody> {
        let json = r#"{"update_id":1,"message":{"message_id":1,"date":0}}"#;
        let mut request = Request::new(BytesBody::new(json));
        *request.method_mut() = http::Method::POST;
        let json = http::HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        request
    }

    fn webhook(max_attempts: u32) -> Webhook {
        let deliveries = DeliveryLayer::new().max_attempts(max_attempts);
        Webhook::without_secret_token().delivery(deliveries)
    }

    fn response(status: StatusCode) -> Response<BytesBody> {
        let mut response = Response::new(BytesBody::default());
        *response.status_mut() = status;
        response
    }

    /// Telegram deletes a webhook that responds only with 410 for about a day.
    #[tokio::test]
    async fn e6_a_status_that_telegram_must_not_get_is_a_500() {
        for status in [100, 103, 301, 302, 304, 308, 410] {
            let status = StatusCode::from_u16(status).unwrap();
            let handler = service_fn(move |_: Request<BytesBody>| {
                let mut response = response(status);
                for (name, value) in [
                    (header::LOCATION, "/elsewhere"),
                    (header::SET_COOKIE, "a=b"),
                    (header::RETRY_AFTER, "7"),
                ] {
                    let value = http::HeaderValue::from_static(value);
                    response.headers_mut().insert(name, value);
                }
                std::future::ready(Ok::<_, Infallible>(response))
            });
            let service = webhook(2).layer(handler);
            let answer = service.clone().oneshot(delivered()).await.unwrap();
            assert_eq!(
                answer.status(),
                StatusCode::INTERNAL_SERVER_ERROR,
                "{status}"
            );
            assert_eq!(answer.headers()[header::RETRY_AFTER], "7", "{status}");
            for name in [header::LOCATION, header::SET_COOKIE] {
                assert!(!answer.headers().contains_key(&name), "{status} {name}");
            }
            // It counts: after the last attempt the update is abandoned.
            let answer = service.oneshot(delivered()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{status}");
        }
    }

    /// A layer inside and the handler respond with the same status.
    #[tokio::test]
    async fn d14_a_handler_of_http_requests_that_has_no_room_is_not_counted() {
        for (status, is_counted) in [
            (StatusCode::SERVICE_UNAVAILABLE, false),
            (StatusCode::TOO_MANY_REQUESTS, false),
            (StatusCode::REQUEST_TIMEOUT, true),
            (StatusCode::UNAUTHORIZED, false),
            (StatusCode::FORBIDDEN, true),
            (StatusCode::BAD_GATEWAY, true),
        ] {
            let calls = Arc::new(AtomicU32::new(0));
            let count = Arc::clone(&calls);
            let handler = service_fn(move |_: Request<BytesBody>| {
                let is_busy = count.fetch_add(1, Ordering::Relaxed) < 3;
                let status = if is_busy { status } else { StatusCode::OK };
                std::future::ready(Ok::<_, Infallible>(response(status)))
            });
            let service = webhook(1).layer(handler);
            if !is_counted {
                for _ in 0..3 {
                    let answer = service.clone().oneshot(delivered()).await.unwrap();
                    assert_eq!(answer.status(), status);
                    assert_eq!(answer.headers()[header::RETRY_AFTER], "1", "{status}");
                }
            }
            let answer = service.oneshot(delivered()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{status}");
            let expected = if is_counted { 1 } else { 4 };
            assert_eq!(calls.load(Ordering::Relaxed), expected, "{status}");
        }
    }

    /// Telegram reads whole seconds, and drops an update whose life is over by then.
    #[tokio::test]
    async fn d14_a_handlers_own_pause_is_kept_within_the_updates_life() {
        for status in [
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::TOO_MANY_REQUESTS,
        ] {
            for (asked, sent) in [
                (None, "1"),
                (Some("7"), "7"),
                (Some("0"), "1"),
                (Some("3600"), "60"),
                (Some("6.2"), "7"),
                (Some("Fri, 31 Dec 1999 23:59:29 GMT"), "30"),
                (Some("Fri, 31 Dec 1999 23:58:00 GMT"), "1"),
                (Some("Sat, 01 Jan 2000 23:59:59 GMT"), "60"),
            ] {
                let handler = service_fn(move |_: Request<BytesBody>| {
                    let mut response = response(status);
                    let date = http::HeaderValue::from_static("Fri, 31 Dec 1999 23:58:59 GMT");
                    response.headers_mut().insert(header::DATE, date);
                    if let Some(asked) = asked {
                        let asked = http::HeaderValue::from_static(asked);
                        response.headers_mut().insert(header::RETRY_AFTER, asked);
                    }
                    std::future::ready(Ok::<_, Infallible>(response))
                });
                for webhook in [webhook(1), webhook(1).without_delivery()] {
                    let service = webhook.layer(handler);
                    let answer = service.oneshot(delivered()).await.unwrap();
                    assert_eq!(answer.status(), status);
                    let pause = &answer.headers()[header::RETRY_AFTER];
                    assert_eq!(pause, sent, "{status} {asked:?}");
                }
            }
        }
    }
}
