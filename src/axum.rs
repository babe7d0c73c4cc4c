//! Extractors and a response for axum, for those who would rather have a handler of its than a
//! service of ours.
//!
//! ```
//! use axum::{Router, routing::post};
//! use tower_telegram::{
//!     Reply, ReplyError, IntoReply,
//!     methods::SendMessage,
//!     types::Update,
//!     webhook::{SecretToken, SecretTokenLayer},
//! };
//!
//! async fn echo(update: Update) -> Result<Reply, ReplyError> {
//!     match update.message() {
//!         Some(message) => SendMessage::new(message.chat.id, "hi").into_reply(),
//!         None => Ok(Reply::nothing()),
//!     }
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
//! The extractors read as [`UpdateLayer`] does, with its defaults, and reject with the same
//! statuses. They don't look at the secret: put [`SecretTokenLayer`](crate::webhook::SecretTokenLayer)
//! in front, as above.

use axum_core::{
    body::Body,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};

use crate::{
    Reply, ReplyError,
    types::Update,
    webhook::{RawUpdate, Rejection, ReplyBody, UpdateLayer},
};

impl<S: Send + Sync> FromRequest<S> for RawUpdate {
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, Rejection> {
        UpdateLayer::new().read(request).await
    }
}

impl<S: Send + Sync> FromRequest<S> for Update {
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let raw = RawUpdate::from_request(request, state).await?;
        raw.parse().map_err(Rejection::Malformed)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response(self)
    }
}

impl IntoResponse for ReplyError {
    fn into_response(self) -> Response {
        Rejection::Reply(self).into_response()
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match ReplyBody::respond(self) {
            Ok(response) => response.map(Body::new),
            Err(error) => error.into_response(),
        }
    }
}
