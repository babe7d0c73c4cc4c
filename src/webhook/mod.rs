//! Requests from Telegram: from the HTTP request to the bot's response.
//!
//! ```text
//! http::Request<B>
//!   │ SourceIpLayer         optional: Telegram's networks    403, the body is never read
//!   │ SecretTokenLayer      header, constant time            401, the body is never read
//!   │ UpdateLayer           POST, JSON, size, read deadline  405 · 415 · 413 · 408 · 400
//!   ▼
//! http::Request<RawUpdate>  update_id and type read, the rest as it came
//!   │ AllowedUpdatesLayer   not wanted                       200, empty
//!   │ DeadlineLayer         no response in time              503; the handler keeps running
//!   │ DeliveryLayer         handled before, or still         200, empty · joins it
//!   │ TraceUpdatesLayer     a span for each attempt
//!   │ SequenceLayer         optional: chat by chat           503 when too many wait, or too long
//!   │ HandlerTimeoutLayer   the handler doesn't end          500; its attempt has failed
//!   │ ParseLayer<U>         RawUpdate → U                    400 · 200 (or 500)
//!   ▼
//! http::Request<U>  →  handler
//!   │ ReplyLayer            `impl IntoReply` → http::Response
//!   ▼
//! http::Response<ReplyBody>
//! ```
//!
//! Each layer is an ordinary tower layer over `http::Request` and `http::Response`: headers and
//! extensions travel along, and any other layer fits in between. [`Webhook`] assembles them in this
//! order, with `SourceIpLayer` as a layer around it; [`ServiceBuilderExt`] has each as a method.
//!
//! A rejected request gets a response without a body, and with the reason in its extensions as a [`Rejection`]. A
//! request without an accepted secret gets 401 alone. Bodies report their exact size, so that the server can write
//! `Content-Length`.
//!
//! ```
//! use http::{Request, StatusCode};
//! use tower::ServiceExt as _;
//! use tower_telegram::{
//!     types::Update,
//!     webhook::{Rejection, SECRET_TOKEN_HEADER, SecretToken, Webhook},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let webhook = Webhook::new(SecretToken::new("swordfish")?).handler(async |_: Update| {});
//! let post = |content_type| {
//!     Request::post("/")
//!         .header(SECRET_TOKEN_HEADER, "swordfish")
//!         .header("content-type", content_type)
//!         .body(r#"{"update_id":7,"poll":{"id":"1"}}"#.to_owned())
//! };
//!
//! let accepted = webhook.clone().oneshot(post("application/json")?).await?;
//! assert_eq!(accepted.status(), StatusCode::OK);
//!
//! let rejected = webhook.oneshot(post("text/plain")?).await?;
//! assert_eq!(rejected.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
//! assert_eq!(rejected.extensions().get(), Some(&Rejection::ContentType));
//! # Ok(())
//! # }
//! ```

pub mod allowed_updates;
mod builder;
#[cfg(feature = "tokio")]
pub mod deadline;
pub(crate) mod deferral_reason;
#[cfg(feature = "tokio")]
// A response that is passed between tasks stays in its box.
#[allow(clippy::unnecessary_box_returns)]
pub mod delivery;
mod delivery_stack;
#[cfg(feature = "tokio")]
pub(crate) mod detached_work;
#[cfg(feature = "tokio")]
pub(crate) mod early_ack;
pub(crate) mod failure;
mod handler;
#[cfg(feature = "tokio")]
pub mod handler_timeout;
#[cfg(feature = "tokio")]
pub(crate) mod left_running;
pub mod middleware;
mod missing_layer;
#[cfg_attr(not(feature = "tokio"), allow(dead_code))]
pub(crate) mod outcome;
pub mod parse;
pub(crate) mod redelivery;
pub mod registration;
pub(crate) mod rejection;
pub mod reply;
#[cfg(feature = "tokio")]
pub(crate) mod reply_call;
mod response_future;
pub mod secret_token;
#[cfg(feature = "tokio")]
pub mod sequence;
mod service_builder;
pub mod source_ip;
pub mod trace;
mod unread_body;
pub mod update;

#[doc(inline)]
pub use tower_telegram_types::{BotId, HandlerOutput, InvalidSecretToken, SecretToken};

#[cfg(feature = "queue")]
pub(crate) use self::builder::Admission;
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use self::sequence::{SequenceKey, SequenceLayer};
#[doc(inline)]
pub use self::{
    allowed_updates::AllowedUpdatesLayer,
    builder::{RawUpdateService, Webhook, WebhookFuture, WebhookService},
    failure::Failure,
    handler::{HandlerFn, HandlerFuture, handler_fn},
    middleware::WebhookMiddleware,
    parse::ParseLayer,
    rejection::Rejection,
    reply::{ReplyBody, ReplyLayer},
    response_future::ResponseFuture,
    secret_token::{SECRET_TOKEN_HEADER, SecretTokenLayer, SecretTokens},
    service_builder::ServiceBuilderExt,
    source_ip::{InvalidIpNetwork, IpNetwork, PeerAddr, SourceIpLayer},
    trace::{TraceUpdatesLayer, UpdateOutcome},
    unread_body::UnreadBody,
    update::{RawUpdate, UpdateLayer},
};
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use self::{
    deadline::{Deadline, DeadlineLayer},
    delivery::DeliveryLayer,
    handler_timeout::HandlerTimeoutLayer,
};
