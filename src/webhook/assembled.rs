//! The layers put together.

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

use super::{
    AllowedUpdatesLayer, ErrorsAsResponses, HandlerFn, HandlerOutput, ParseLayer, RawUpdate,
    ReplyBody, ReplyLayer, ResponseFuture, SecretTokenLayer, SecretTokens, UpdateLayer,
    allowed_updates, handler_fn, parse, reply, secret_token, update,
};
use crate::{
    Client, IntoReply,
    types::{AllowedUpdates, ParseError, Update},
};

/// The whole way in, in the right order and with safe defaults.
///
/// It makes a service that every tower server can serve: whatever happens, it answers, with what
/// the layers' own pages say.
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
///         let message = update.message()?;
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
    allowed: AllowedUpdatesLayer,
    parse: ParseLayer<U>,
    reply: ReplyLayer<ErrorsAsResponses>,
}

impl<U> Clone for Webhook<U> {
    fn clone(&self) -> Self {
        Self {
            secret: self.secret.clone(),
            update: self.update,
            allowed: self.allowed,
            parse: self.parse.clone(),
            reply: self.reply.clone(),
        }
    }
}

impl Webhook {
    /// Lets in who shows the secret.
    pub fn new(tokens: impl Into<SecretTokens>) -> Self {
        Self::with_secret(SecretTokenLayer::new(tokens))
    }

    /// Lets in everyone. Whoever finds the address can then say that they are Telegram, so
    /// something else must keep others out, such as a network that only a local Bot API server
    /// reaches.
    pub fn without_secret_token() -> Self {
        Self::with_secret(SecretTokenLayer::open())
    }

    fn with_secret(secret: SecretTokenLayer) -> Self {
        Self {
            secret,
            update: UpdateLayer::new(),
            allowed: AllowedUpdatesLayer::default(),
            parse: ParseLayer::new(),
            reply: ReplyLayer::new().errors_as_responses(),
        }
    }
}

impl<U> Webhook<U> {
    /// Which types of update go to the handler; give `setWebhook` the same. Unless told otherwise
    /// it is Telegram's own choice.
    pub fn allowed_updates(mut self, allowed: impl Into<AllowedUpdates>) -> Self {
        self.allowed = AllowedUpdatesLayer::new(allowed);
        self
    }

    /// How a request's body is read: its limit and its deadline.
    pub fn update_layer(mut self, layer: UpdateLayer) -> Self {
        self.update = layer;
        self
    }

    /// Gives the handler another type than our [`Update`].
    pub fn parse_as<V>(self) -> Webhook<V> {
        Webhook {
            secret: self.secret,
            update: self.update,
            allowed: self.allowed,
            parse: ParseLayer::new(),
            reply: self.reply,
        }
    }

    /// What calls the replies that can't be answers, as they are over 1 MiB or the length of a file
    /// isn't known. See [`ReplyLayer`].
    pub fn client(mut self, client: Client) -> Self {
        self.reply = self.reply.client(client);
        self
    }

    /// What is called with an update that doesn't fit the handler's type; ours always fits. See
    /// [`ParseLayer::on_unreadable`].
    pub fn on_unreadable(
        mut self,
        hook: impl Fn(&RawUpdate, &ParseError) + Send + Sync + 'static,
    ) -> Self {
        self.parse = self.parse.on_unreadable(hook);
        self
    }

    /// Serves with a function. See [`handler_fn`].
    pub fn handler<F, Fut>(self, function: F) -> WebhookService<HandlerFn<F>, U>
    where
        F: FnMut(U) -> Fut,
        Fut: Future,
        Fut::Output: HandlerOutput,
    {
        self.service(handler_fn(function))
    }

    /// Serves with any service of `http::Request<U>` that returns an [`IntoReply`].
    pub fn service<S>(self, service: S) -> WebhookService<S, U> {
        let service = self.reply.layer(service);
        let service = self.allowed.layer(self.parse.layer(service));
        WebhookService {
            stack: self.secret.layer(self.update.layer(service)),
        }
    }
}

type Stack<S, U> = secret_token::RequireSecretToken<update::ReadUpdate<Inner<S, U>>>;
type Inner<S, U> =
    allowed_updates::FilterUpdates<parse::Parse<reply::EncodeReply<S, ErrorsAsResponses>, U>>;
type InnerFuture<F> = ResponseFuture<ResponseFuture<reply::AnsweredFuture<F>>>;

/// The service of [`Webhook`]: a `Service<http::Request<B>>` for any body `B`, whose error is
/// [`Infallible`].
pub struct WebhookService<S, U = Update> {
    stack: Stack<S, U>,
}

impl<S, U> WebhookService<S, U> {
    /// The same stack without a webhook's door: a `Service<http::Request<RawUpdate>>`, for updates that
    /// come another way, such as `polling`.
    pub fn into_updates(self) -> UpdateService<S, U> {
        UpdateService {
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
    S: Service<Request<U>> + Clone,
    S::Response: IntoReply,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    U: DeserializeOwned + 'static,
    B: Body,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = WebhookFuture<S, S::Future, U, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<B>>::poll_ready(&mut self.stack, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        WebhookFuture {
            future: self.stack.call(request),
        }
    }
}

/// What is behind a webhook's door, from [`WebhookService::into_updates`]: a
/// `Service<http::Request<RawUpdate>>` whose error is [`Infallible`].
pub struct UpdateService<S, U = Update> {
    stack: Inner<S, U>,
}

impl<S: Clone, U> Clone for UpdateService<S, U> {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.clone(),
        }
    }
}

impl<S: fmt::Debug, U> fmt::Debug for UpdateService<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UpdateService").field(&self.stack).finish()
    }
}

impl<S, U> Service<Request<RawUpdate>> for UpdateService<S, U>
where
    S: Service<Request<U>>,
    S::Response: IntoReply,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    U: DeserializeOwned + 'static,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = UpdateFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RawUpdate>) -> Self::Future {
        UpdateFuture {
            future: self.stack.call(request),
        }
    }
}

pin_project! {
    /// The response future of [`UpdateService`].
    #[derive(Debug)]
    pub struct UpdateFuture<F> {
        #[pin]
        future: InnerFuture<F>,
    }
}

impl<F, R, E> Future for UpdateFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}

pin_project! {
    /// The response future of [`WebhookService`].
    pub struct WebhookFuture<S, F, U, B> {
        #[pin]
        future: ResponseFuture<update::ResponseFuture<Inner<S, U>, InnerFuture<F>, B>>,
    }
}

impl<S, F, U, B> fmt::Debug for WebhookFuture<S, F, U, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookFuture").finish_non_exhaustive()
    }
}

impl<S, U, B> Future for WebhookFuture<S, S::Future, U, B>
where
    S: Service<Request<U>> + Clone,
    S::Response: IntoReply,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    U: DeserializeOwned + 'static,
    B: Body,
{
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}
