//! [`Telegram`], an extractor and a response for axum, for those who prefer an axum handler to a
//! service of ours.
//!
//! It is to updates what axum's `Json` is to JSON: in the arguments it is the update, in the result the
//! reply.
//!
//! ```
//! use axum::{Router, routing::post};
//! use tower_telegram::{
//!     axum::Telegram,
//!     methods::SendMessage,
//!     types::Update,
//!     webhook::{SecretToken, SecretTokenLayer},
//! };
//!
//! async fn echo(Telegram(update): Telegram<Update>) -> Telegram<Option<SendMessage>> {
//!     let message = update.message();
//!     Telegram(message.map(|message| SendMessage::new(message.chat.id, "hi")))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app: Router = Router::new()
//!     .route("/bot", post(echo))
//!     .layer(SecretTokenLayer::new(SecretToken::new("swordfish")?));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! # Security
//!
//! The extractors read the body as [`UpdateLayer`] does, with its defaults, and reject with the same
//! statuses. They don't look at the secret: put [`SecretTokenLayer`](crate::webhook::SecretTokenLayer)
//! in front, as above. Deliveries and deadlines are left out too: an update that Telegram sends again
//! reaches the handler again.

use axum_core::{
    body::Body,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use serde_core::de::DeserializeOwned;

use crate::{
    IntoReply,
    webhook::{RawUpdate, Rejection, ReplyBody, UpdateLayer},
};

/// An update as an argument of an axum handler, read as any type that serde can make; or a reply as
/// what the handler returns.
///
/// On its own it leaves out the secret, deliveries and deadlines: see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Telegram<T>(pub T);

impl<S, U> FromRequest<S> for Telegram<U>
where
    S: Send + Sync,
    U: DeserializeOwned + 'static,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, Rejection> {
        let raw = UpdateLayer::new().read(request).await?;
        raw.parse().map(Self).map_err(Rejection::Malformed)
    }
}

impl<R: IntoReply> IntoResponse for Telegram<R> {
    fn into_response(self) -> Response {
        let reply = self.0.into_reply();
        match reply.and_then(ReplyBody::respond) {
            Ok(response) => response.map(Body::new),
            Err(error) => Rejection::Reply(error).into_response(),
        }
    }
}

/// The update with its payload unread.
impl<S: Send + Sync> FromRequest<S> for RawUpdate {
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, Rejection> {
        UpdateLayer::new().read(request).await
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response(self)
    }
}
