//! Authentication of requests by the secret token that
//! [`setWebhook`](https://core.telegram.org/bots/api#setwebhook) has set.
//!
//! 1. Exactly one `X-Telegram-Bot-Api-Secret-Token` header with an accepted secret: the request is passed on. If the
//!    secret belongs to a bot, its [`BotId`] is in the extensions.
//! 2. Any other request: 401, and its body is never read.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_telegram::webhook::{SECRET_TOKEN_HEADER, SecretToken, SecretTokenLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(SecretTokenLayer::new(SecretToken::new("swordfish")?))
//!     .service(service_fn(async |_: Request<String>| {
//!         Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//!     }));
//!
//! let right = Request::post("/").header(SECRET_TOKEN_HEADER, "swordfish").body(String::new())?;
//! assert_eq!(service.clone().oneshot(right).await?.status(), StatusCode::OK);
//!
//! let wrong = Request::post("/").header(SECRET_TOKEN_HEADER, "guess").body(String::new())?;
//! assert_eq!(service.oneshot(wrong).await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! # Security
//!
//! Secrets are compared in constant time, so a response doesn't show how much of a wrong one was right. Neither the
//! secret nor the header's value is in any error, event or `Debug` output, and the header is marked as sensitive in
//! the request that is passed on. A layer further out that logs headers sees it unmarked.

mod tokens;

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

pub use self::tokens::{SECRET_TOKEN_HEADER, SecretTokens};
use super::{BotId, ResponseFuture, unread_body::UnreadBody};

/// Rejects requests without an accepted secret token. See the [module](self).
#[derive(Clone, Debug)]
pub struct SecretTokenLayer {
    tokens: Option<SecretTokens>,
}

impl SecretTokenLayer {
    /// Accepts one secret, or a [`SecretTokens`] handle that can be changed later.
    pub fn new(tokens: impl Into<SecretTokens>) -> Self {
        Self {
            tokens: Some(tokens.into()),
        }
    }

    /// Several bots on one endpoint, each known by its secret.
    pub fn bots(bots: impl IntoIterator<Item = (BotId, super::SecretToken)>) -> Self {
        Self::new(bots.into_iter().collect::<SecretTokens>())
    }

    /// Accepts every request.
    pub(super) fn open() -> Self {
        Self { tokens: None }
    }
}

impl<S> Layer<S> for SecretTokenLayer {
    type Service = SecretTokenService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SecretTokenService {
            inner,
            tokens: self.tokens.clone(),
        }
    }
}

/// The service of [`SecretTokenLayer`].
#[derive(Clone, Debug)]
pub struct SecretTokenService<S> {
    inner: S,
    tokens: Option<SecretTokens>,
}

impl<S> SecretTokenService<S> {
    inner_accessors!();
}

impl<S, B, R> Service<Request<B>> for SecretTokenService<S>
where
    B: UnreadBody,
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(tokens) = &self.tokens {
            match tokens.authenticate(request.headers_mut()) {
                Err(why) => return ResponseFuture::early(why),
                Ok(Some(bot)) => drop(request.extensions_mut().insert(bot)),
                Ok(None) => {}
            }
        }
        ResponseFuture::inner(self.inner.call(request))
    }
}
