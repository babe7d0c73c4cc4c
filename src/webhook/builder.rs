//! [`Webhook`], which puts the layers together in the right order.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use serde_core::de::DeserializeOwned;
use tower_layer::Layer as _;
use tower_service::Service;

#[cfg(feature = "queue")]
use super::trace::TraceUpdates;
use super::{
    AllowedUpdatesLayer, HandlerFn, HandlerOutput, ParseLayer, RawUpdate, ReplyBody, ReplyLayer,
    SecretTokenLayer, SecretTokens, TraceUpdatesLayer, UpdateLayer, allowed_updates,
    delivery_stack::{DeliveryStack, StackSettings},
    handler_fn,
    missing_layer::Handles,
    parse::{self, UnreadableHook},
    reply, secret_token, update,
};
#[cfg(feature = "tokio")]
use super::{
    DeadlineLayer, DeliveryLayer, HandlerTimeoutLayer, SequenceLayer, delivery::DeliveryHandle,
    delivery_stack::handle_of,
};
use crate::{
    IntoReply,
    types::{AllowedUpdates, ParseError, Update},
};

/// All layers of a webhook in the right order and with safe defaults.
///
/// It makes a service that every tower server can serve, and whose error is [`Infallible`]: each failure is a
/// response, described in the module of its layer. With the feature `tokio`, a `DeliveryLayer` handles each update
/// once and remembers it in memory, and a `DeadlineLayer` responds within 50 s (8 s for queries that people wait
/// for). A hang-up doesn't end the handler, which goes on in a task of its own and therefore must be `Send`.
///
/// ```
/// use tower_telegram::{
///     methods::SendMessage,
///     types::{Update, UpdateType},
///     webhook::{SecretToken, Webhook},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let webhook = Webhook::new(SecretToken::new("swordfish")?)
///     .allowed_updates([UpdateType::Message])
///     .handler(async |update: Update| {
///         let message = update.new_message()?;
///         Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
///     });
/// # let _ = webhook;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a webhook serves once it has a handler"]
pub struct Webhook<U = Update> {
    secret: SecretTokenLayer,
    update: UpdateLayer,
    /// `None` if they weren't set.
    allowed: Option<AllowedUpdates>,
    deliveries: StackSettings,
    parse: ParseLayer<U>,
    reply: ReplyLayer,
}

impl<U> Clone for Webhook<U> {
    fn clone(&self) -> Self {
        Self {
            secret: self.secret.clone(),
            update: self.update,
            allowed: self.allowed,
            deliveries: self.deliveries.clone(),
            parse: self.parse.clone(),
            reply: self.reply.clone(),
        }
    }
}

impl Webhook {
    /// Accepts requests that carry the secret token, or one of several.
    pub fn new(tokens: impl Into<SecretTokens>) -> Self {
        Self::with_secret(SecretTokenLayer::new(tokens))
    }

    /// Accepts every request. Anyone who finds the address can then send updates, so something else must keep
    /// others out, such as a network that only a local Bot API server reaches.
    pub fn without_secret_token() -> Self {
        Self::with_secret(SecretTokenLayer::open())
    }

    fn with_secret(secret: SecretTokenLayer) -> Self {
        Self {
            secret,
            update: UpdateLayer::new(),
            allowed: None,
            deliveries: StackSettings::new(),
            parse: ParseLayer::new(),
            reply: ReplyLayer::new(),
        }
    }
}

impl<U> Webhook<U> {
    /// The types of update that the handler gets; give `setWebhook` the same. Default: the types that Telegram
    /// sends by default.
    pub fn allowed_updates(mut self, allowed: impl Into<AllowedUpdates>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    /// Adds the types of a router's routes to those that were set, if any were.
    pub(crate) fn also_allowing(mut self, of_routes: AllowedUpdates) -> Self {
        let set = self.allowed.unwrap_or(of_routes);
        self.allowed = Some(set.union(of_routes));
        self
    }

    fn allowed_updates_layer(&self) -> AllowedUpdatesLayer {
        AllowedUpdatesLayer::new(self.allowed.unwrap_or_default())
    }

    /// How a request's body is read: its limit and its deadline.
    pub fn update(mut self, layer: UpdateLayer) -> Self {
        self.update = layer;
        self
    }

    /// Gives the handler another type than our [`Update`].
    pub fn parse_as<V>(self) -> Webhook<V> {
        Webhook {
            secret: self.secret,
            update: self.update,
            allowed: self.allowed,
            deliveries: self.deliveries,
            parse: ParseLayer::new(),
            reply: self.reply,
        }
    }

    /// How each update is handled once. Default: a `DeliveryLayer` that remembers updates in memory.
    #[cfg(feature = "tokio")]
    pub fn delivery(mut self, layer: DeliveryLayer) -> Self {
        self.deliveries.delivery = Some(layer);
        self
    }

    /// Handles an update each time that it is sent, within its request: a hang-up ends the handler.
    pub fn without_delivery(mut self) -> Self {
        self.deliveries.without_delivery();
        self
    }

    /// Handles the updates of a chat one after the other, also those that Telegram sends at the same
    /// time, such as a message and a pressed button. Default: none.
    #[cfg(feature = "tokio")]
    pub fn sequence(mut self, layer: SequenceLayer) -> Self {
        self.deliveries.sequence = Some(layer);
        self
    }

    /// The time after which Telegram gets a response, even if the handler still runs. Default: 503 after 50 s, and
    /// after 8 s for queries that people wait for.
    #[cfg(feature = "tokio")]
    pub fn deadline(mut self, layer: DeadlineLayer) -> Self {
        self.deliveries.deadline = Some(layer);
        self
    }

    /// Waits for the handler without a limit. After 60 s Telegram closes the connection and sends the update again.
    #[cfg(feature = "tokio")]
    pub fn without_deadline(mut self) -> Self {
        self.deliveries.deadline = None;
        self
    }

    /// The time limit of a handler. Default: after one hour its attempt has failed, and its future is dropped.
    #[cfg(feature = "tokio")]
    pub fn handler_timeout(mut self, layer: HandlerTimeoutLayer) -> Self {
        self.deliveries.handler_timeout = layer;
        self
    }

    /// Lets a handler run for ever.
    #[cfg(feature = "tokio")]
    pub fn without_handler_timeout(self) -> Self {
        self.handler_timeout(HandlerTimeoutLayer::new(std::time::Duration::MAX))
    }

    /// Sets the spans of updates and the functions that are called at their beginning and end. Default: a span at
    /// level `INFO` for each attempt, without chat and user. See the [module](super::trace).
    ///
    /// To switch them off under a subscriber, filter the target `tower_telegram::webhook::trace`.
    pub fn trace(mut self, layer: TraceUpdatesLayer) -> Self {
        self.deliveries.trace = layer;
        self
    }

    /// A hook that is called with each update that doesn't fit the handler's type. [`Update`] always fits. See
    /// [`ParseLayer::on_unreadable`].
    pub fn on_unreadable(
        mut self,
        hook: impl Fn(&RawUpdate, &ParseError) + Send + Sync + 'static,
    ) -> Self {
        self.parse = self.parse.on_unreadable(hook);
        self
    }

    /// Has each request keep the [`RawUpdate`] in its extensions. See [`ParseLayer::keep_raw`]. Default: no;
    /// [`router`](Self::router) does so where a handler takes it.
    pub fn keep_raw(mut self) -> Self {
        self.parse = self.parse.keep_raw();
        self
    }

    /// Serves with a function. See [`handler_fn`].
    pub fn handler<F, Fut>(mut self, function: F) -> WebhookService<HandlerFn<F, U>, U>
    where
        F: FnMut(U) -> Fut,
        Fut: Future,
        Fut::Output: HandlerOutput,
    {
        self.deliveries.for_function();
        self.service(handler_fn(function))
    }

    /// Serves with any service of `http::Request<U>` that returns an [`IntoReply`]. For a
    /// [`Router`](crate::router::Router) there is [`router`](Self::router), which also lets the types of its routes
    /// through.
    pub fn service<S>(self, service: S) -> WebhookService<S, U> {
        let service = self.parse.layer(self.reply.layer(service));
        WebhookService {
            stack: self.around_updates(service),
        }
    }

    /// The layers that read a request and decide whether it is accepted, above a service of updates.
    #[cfg(feature = "queue")]
    pub(crate) fn admission<S>(&self, service: S) -> Admission<S> {
        let trace = self.deliveries.trace.clone().producer();
        let service = self.allowed_updates_layer().layer(trace.layer(service));
        self.secret.layer(self.update.layer(service))
    }

    pub(super) fn unreadable_hook(&self) -> Option<UnreadableHook> {
        self.parse.unreadable_hook()
    }

    /// All layers except `ParseLayer` and `ReplyLayer`.
    pub(super) fn around_updates<S>(&self, service: S) -> AroundUpdates<S> {
        let service = self
            .allowed_updates_layer()
            .layer(self.deliveries.layer(service));
        self.secret.layer(self.update.layer(service))
    }
}

/// A webhook up to where a handler's stack begins.
#[cfg(feature = "queue")]
pub(crate) type Admission<S> = secret_token::SecretTokenService<
    update::UpdateService<allowed_updates::AllowedUpdatesService<TraceUpdates<S>>>,
>;

type AroundUpdates<S> = secret_token::SecretTokenService<
    update::UpdateService<allowed_updates::AllowedUpdatesService<DeliveryStack<S>>>,
>;
type WebhookStack<S, U> = AroundUpdates<Parsing<S, U>>;
type UpdateStack<S, U> = allowed_updates::AllowedUpdatesService<DeliveryStack<Parsing<S, U>>>;
type Parsing<S, U> = parse::Parse<reply::ReplyService<S>, U>;

/// The service of [`Webhook`]: a `Service<http::Request<B>>` for any body `B` with an error that converts into a boxed
/// one. The service's own error is [`Infallible`].
pub struct WebhookService<S, U = Update> {
    stack: WebhookStack<S, U>,
}

impl<S, U> WebhookService<S, U> {
    /// The types of update that are passed to the handler, for `setWebhook`.
    ///
    /// ```
    /// use tower_telegram::{
    ///     methods::SetWebhook,
    ///     router::Router,
    ///     types::ChatId,
    ///     webhook::{SecretToken, Webhook},
    /// };
    ///
    /// async fn start(chat: ChatId) {}
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let webhook = Webhook::new(SecretToken::new("swordfish")?)
    ///     .router(Router::new().command("start", start));
    /// let wanted = SetWebhook::new("https://bot.example/telegram")
    ///     .allowed_updates(webhook.allowed_updates());
    /// # let _ = wanted;
    /// # Ok(())
    /// # }
    /// ```
    pub fn allowed_updates(&self) -> AllowedUpdates {
        self.stack.get_ref().get_ref().allowed()
    }

    /// A handle for the graceful shutdown of the deliveries. Handlers go on after their request has ended, so a process
    /// that stops waits for them by [`DeliveryHandle::shutdown`]. Without deliveries, only those go on that a
    /// [`DeadlineLayer`] acknowledged early or a [`HandlerTimeoutLayer`] left running, and the handle waits for these. It
    /// doesn't reject new updates then.
    #[cfg(feature = "tokio")]
    pub fn deliveries(&self) -> DeliveryHandle {
        handle_of(self.stack.get_ref().get_ref().get_ref())
    }

    /// The same stack without the layers for HTTP requests: a `Service<http::Request<RawUpdate>>`, for updates that
    /// arrive another way, such as by `polling`.
    pub fn into_updates(self) -> RawUpdateService<S, U> {
        RawUpdateService {
            stack: self.stack.into_inner().into_inner(),
        }
    }
}

impl<S: Clone, U> Clone for WebhookService<S, U> {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.clone(),
        }
    }
}

impl<S: fmt::Debug, U> fmt::Debug for WebhookService<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebhookService").field(&self.stack).finish()
    }
}

impl<S, U, B> Service<Request<B>> for WebhookService<S, U>
where
    S: Handles<U> + Clone + Send + 'static,
    S::Response: IntoReply,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    U: DeserializeOwned + 'static,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = WebhookFuture<StackFuture<S, U, B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<B>>::poll_ready(&mut self.stack, cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        WebhookFuture {
            future: Service::call(&mut self.stack, request),
        }
    }
}

type InnerFuture<S, U> = <UpdateStack<S, U> as Service<Request<RawUpdate>>>::Future;
type StackFuture<S, U, B> =
    super::ResponseFuture<update::ResponseFuture<UpdateStack<S, U>, InnerFuture<S, U>, B>>;

pin_project! {
    /// The response future of [`WebhookService`] and of [`RawUpdateService`].
    pub struct WebhookFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F> WebhookFuture<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F> fmt::Debug for WebhookFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookFuture").finish_non_exhaustive()
    }
}

impl<F: Future> Future for WebhookFuture<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// The layers of a webhook below the HTTP request, from [`WebhookService::into_updates`]: a
/// `Service<http::Request<RawUpdate>>` whose error is [`Infallible`].
pub struct RawUpdateService<S, U = Update> {
    stack: UpdateStack<S, U>,
}

impl<S: Clone, U> Clone for RawUpdateService<S, U> {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.clone(),
        }
    }
}

impl<S: fmt::Debug, U> fmt::Debug for RawUpdateService<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RawUpdateService")
            .field(&self.stack)
            .finish()
    }
}

impl<S, U> Service<Request<RawUpdate>> for RawUpdateService<S, U>
where
    S: Handles<U> + Clone + Send + 'static,
    S::Response: IntoReply,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    U: DeserializeOwned + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = WebhookFuture<InnerFuture<S, U>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::poll_ready(&mut self.stack, cx)
    }

    #[inline]
    fn call(&mut self, request: Request<RawUpdate>) -> Self::Future {
        WebhookFuture {
            future: Service::call(&mut self.stack, request),
        }
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Waker,
        time::Duration,
    };

    use http::{HeaderValue, Method, StatusCode, header};
    use tower::ServiceExt as _;

    use super::*;
    use crate::{
        types::UpdateType,
        webhook::{SECRET_TOKEN_HEADER, SecretToken},
    };

    fn update(number: u8) -> Request<String> {
        let message = r#""message":{"chat":{"id":7}}"#;
        let mut request = Request::new(format!(r#"{{"update_id":{number},{message}}}"#));
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(SECRET_TOKEN_HEADER, HeaderValue::from_static("swordfish"));
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        request
    }

    /// How many updates of one chat are handled at once.
    async fn at_once(webhook: Webhook) -> usize {
        let (running, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (running, seen) = (Arc::new(running), Arc::clone(&most));
        let service = webhook.handler(move |_: Update| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&seen));
            async move {
                most.fetch_max(
                    running.fetch_add(1, Ordering::Relaxed) + 1,
                    Ordering::Relaxed,
                );
                tokio::time::sleep(Duration::from_secs(1)).await;
                running.fetch_sub(1, Ordering::Relaxed);
            }
        });
        let (Ok(a), Ok(b)) = tokio::join!(
            service.clone().oneshot(update(1)),
            service.oneshot(update(2))
        );
        assert_eq!(a.status(), StatusCode::OK);
        assert_eq!(b.status(), StatusCode::OK);
        most.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn d19_a_handler_that_never_ends_holds_up_its_chat_for_an_hour_and_no_longer() {
        let webhook = Webhook::without_secret_token().sequence(SequenceLayer::new());
        let handled = Arc::new(AtomicUsize::new(0));
        let ended = Arc::clone(&handled);
        let service = webhook.handler(move |update: Update| {
            let ended = Arc::clone(&ended);
            async move {
                if update.update_id == 1 {
                    std::future::pending::<()>().await;
                }
                ended.fetch_add(1, Ordering::Relaxed);
            }
        });
        let deliver = async |number| {
            let began = tokio::time::Instant::now();
            // As Telegram does: again and again.
            loop {
                let answer = service.clone().oneshot(update(number)).await.unwrap();
                if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                    return (answer.status().as_u16(), began.elapsed().as_secs() / 60);
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let (stuck, next) = tokio::join!(deliver(1), deliver(2));
        assert_eq!(stuck, (500, 60), "its attempt has failed after an hour");
        assert_eq!(next, (200, 60));
        assert_eq!(handled.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn d10_the_deliveries_of_a_service_are_waited_for_in_each_form_of_it() {
        let webhook = || Webhook::without_secret_token().sequence(SequenceLayer::new());
        for (webhook, running) in [
            (webhook(), 1),
            (webhook().without_deadline(), 1),
            (webhook().without_delivery(), 0),
        ] {
            let service = webhook.handler(async |_: Update| {
                tokio::time::sleep(Duration::from_secs(1)).await;
            });
            let deliveries = service.deliveries();
            let mut request = Box::pin(service.oneshot(update(1)));
            let first_poll = request
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(first_poll.is_pending());
            assert_eq!(deliveries.running(), running);
            // Telegram hangs up.
            drop(request);
            assert!(deliveries.shutdown(Duration::from_secs(2)).await.is_clean());
            assert_eq!(deliveries.running(), 0);
        }
    }

    #[test]
    fn a_service_has_the_types_that_it_passes_on() {
        let webhook = Webhook::without_secret_token().allowed_updates([UpdateType::Poll]);
        let service = webhook.handler(async |_: Update| {});
        assert!(service.allowed_updates().contains(UpdateType::Poll));
        assert!(!service.allowed_updates().contains(UpdateType::Message));
    }

    #[tokio::test(start_paused = true)]
    async fn d8_a_chat_is_in_line_where_that_was_asked_for() {
        let webhook = || Webhook::new("swordfish".parse::<SecretToken>().unwrap());
        assert_eq!(at_once(webhook()).await, 2);
        let sequence = SequenceLayer::new();
        assert_eq!(at_once(webhook().sequence(sequence)).await, 1);
    }
}
