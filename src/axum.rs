//! [`Telegram`], an extractor of updates and a response with a reply, for handlers of axum's own.
//!
//! It is to updates what axum's `Json` is to JSON: among the arguments it is the update, in the result the
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
//! async fn greet(Telegram(update): Telegram<Update>) -> Telegram<Option<SendMessage>> {
//!     let message = update.new_message();
//!     Telegram(message.map(|message| SendMessage::new(message.chat.id, "hi")))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app: Router = Router::new()
//!     .route("/bot", post(greet))
//!     .layer(SecretTokenLayer::new(SecretToken::new("swordfish")?));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! # Replies
//!
//! `Telegram(…)` makes a response of any [`IntoReply`]: of a method, of an `Option` of one, of a
//! [`Reply`](crate::Reply). Where `?` should end the handler without a reply, call a function that returns the
//! `Option`:
//!
//! ```
//! # use tower_telegram::{axum::Telegram, methods::SendMessage, types::Update};
//! fn echo(update: &Update) -> Option<SendMessage> {
//!     let message = update.new_message()?;
//!     Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
//! }
//!
//! async fn handle(Telegram(update): Telegram<Update>) -> Telegram<Option<SendMessage>> {
//!     Telegram(echo(&update))
//! }
//! # let _: axum::Router = axum::Router::new().route("/bot", axum::routing::post(handle));
//! ```
//!
//! Without it, axum says of the handler that "the trait `Handler<_, _>` is not implemented", and its
//! `#[debug_handler]` that `Option<SendMessage>` isn't an `IntoResponse`. That trait is axum's, which doesn't
//! implement it for options of responses, and Rust doesn't allow this crate to do so.
//!
//! ```compile_fail,E0277
//! # use axum::{Router, routing::post};
//! # use tower_telegram::{axum::Telegram, methods::SendMessage, types::Update};
//! async fn silent(Telegram(_): Telegram<Update>) -> Option<SendMessage> {
//!     None
//! }
//!
//! let app: Router = Router::new().route("/bot", post(silent));
//! ```
//!
//! A reply's file that is given by its path is opened while the response is made, which blocks the thread for
//! as long as the file system takes.
//!
//! # Deliveries
//!
//! The extractor alone has no deliveries and no deadline: an update that Telegram sends again reaches the
//! handler again. A [`Webhook`](crate::webhook::Webhook) [around the route](crate::webhook::middleware) has both,
//! and checks the secret: `.route("/bot", post(echo)).route_layer(webhook)`.
//!
//! # Errors
//!
//! A handler's error can be a [`Failure`], into which `?` turns the client's errors. It is a 500, or a 503 for
//! [`Failure::deferral`]. A `Webhook` around the route abandons the update after one attempt where another can't help: a
//! [`Failure::permanent`], or a refusal of the Bot API such as that of a user who has blocked the bot.
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use axum::extract::State;
//! use tower_telegram::{
//!     Client, axum::Telegram, methods::SendMessage, types::Update, webhook::Failure,
//! };
//!
//! async fn greet(
//!     State(client): State<Client>,
//!     Telegram(update): Telegram<Update>,
//! ) -> Result<Telegram<SendMessage>, Failure> {
//!     let chat = update.chat().ok_or_else(|| Failure::permanent("no chat"))?;
//!     client.send(SendMessage::new(chat.id, "once")).await?;
//!     Ok(Telegram(SendMessage::new(chat.id, "twice")))
//! }
//! # fn app(client: Client) -> axum::Router {
//! #     axum::Router::new().route("/bot", axum::routing::post(greet)).with_state(client)
//! # }
//! # }
//! ```
//!
//! # Security
//!
//! The extractors read the body as [`UpdateLayer`] does, with its defaults, and reject with the same
//! statuses; an update that can't be read as the handler's type is logged, and the response is a 200. A `Webhook`
//! around the route then also calls its [`on_unreadable`](crate::webhook::Webhook::on_unreadable). They don't
//! look at the secret: put [`SecretTokenLayer`](crate::webhook::SecretTokenLayer) in front, as above, or a
//! `Webhook` around the route.

use axum_core::{
    body::Body,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_core::de::DeserializeOwned;

use crate::{
    IntoReply,
    types::ParseError,
    webhook::{
        Failure, RawUpdate, Rejection, ReplyBody, UpdateLayer, outcome::error_response,
        parse::log_unreadable,
    },
};

/// An update as an argument of an axum handler, without the check of the secret, deliveries and deadlines that a
/// `Webhook` around the route has; and a reply as the handler's result.
///
/// As an argument it parses the update as any `U: DeserializeOwned`. As a result it takes any
/// [`IntoReply`]. See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Telegram<T>(pub T);

impl<S, U> FromRequest<S> for Telegram<U>
where
    S: Send + Sync,
    U: DeserializeOwned + 'static,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, Rejection> {
        let raw = read(request).await?;
        raw.parse().map(Self).map_err(|error: ParseError| {
            if error.is_syntax() {
                return Rejection::Malformed(error);
            }
            log_unreadable(&raw, &error);
            Rejection::Unreadable(error)
        })
    }
}

impl<R: IntoReply> IntoResponse for Telegram<R> {
    fn into_response(self) -> Response {
        let reply = self.0.into_reply();
        let made = reply.and_then(|reply| {
            let response = ReplyBody::open_and_respond_blocking(reply.clone());
            response.map(|response| (reply, response))
        });
        match made {
            Ok((reply, response)) => {
                let mut response = response.map(Body::new);
                // For a `Webhook` around the route, which keeps it for redeliveries.
                response.extensions_mut().insert(reply);
                response
            }
            Err(error) => Rejection::Reply(error).into_response(),
        }
    }
}

/// An error of an axum handler: 500, or 503 if it only defers the update. A [`Webhook`](crate::webhook::Webhook) around
/// the route finds it in the response's extensions.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        error_response(self.into()).map(Body::new)
    }
}

/// The update as an argument of an axum handler, with its payload not parsed yet.
impl<S: Send + Sync> FromRequest<S> for RawUpdate {
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, Rejection> {
        read(request).await
    }
}

/// The update, which a [`Webhook`](crate::webhook::Webhook) around the route has read already.
async fn read(mut request: Request) -> Result<RawUpdate, Rejection> {
    match request.extensions_mut().remove() {
        Some(raw) => Ok(raw),
        None => UpdateLayer::new().read(request).await,
    }
}

impl IntoResponse for Rejection {
    /// The rejection's own response; but 200 for [`Unreadable`](Self::Unreadable), as [`ParseLayer`]
    /// responds: an update that can never be read must not hold up its chat.
    ///
    /// [`ParseLayer`]: crate::webhook::ParseLayer
    fn into_response(self) -> Response {
        let can_never_be_read = matches!(self, Self::Unreadable(_));
        self.log(None, None);
        let mut response: Response = Self::into_response(self);
        if can_never_be_read {
            *response.status_mut() = StatusCode::OK;
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Update;

    fn post(json: &'static str) -> Request {
        let request = Request::post("/").header("content-type", "application/json");
        request.body(json.into()).unwrap()
    }

    #[tokio::test]
    async fn an_update_that_fits_no_type_of_the_handlers_is_done() {
        let unfit = r#"{"update_id":5000000000,"message":{}}"#;
        let read = Telegram::<(u8, u8)>::from_request(post(unfit), &()).await;
        let response = IntoResponse::into_response(read.unwrap_err());
        assert_eq!(response.status(), StatusCode::OK);
        let damaged = r#"{"update_id":5,"message":{]}"#;
        let read = Telegram::<Update>::from_request(post(damaged), &()).await;
        let response = IntoResponse::into_response(read.unwrap_err());
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }

    #[cfg(feature = "tokio")]
    #[tokio::test]
    async fn e7_a_reply_takes_a_file_by_its_path_as_the_layer_does() {
        use http_body_util::BodyExt as _;

        use crate::{methods::SendDocument, types::InputFile};

        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let reply = SendDocument::new(42, InputFile::path(manifest));
        let response = Telegram(reply).into_response();
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let manifest = include_bytes!("../Cargo.toml");
        let mut windows = body.windows(manifest.len());
        assert!(windows.any(|window| window == manifest));
        let missing = SendDocument::new(42, InputFile::path("/no/such/file"));
        let response = Telegram(missing).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let why: &Rejection = response.extensions().get().unwrap();
        assert!(matches!(why, Rejection::Reply(_)), "{why}");
    }
}
