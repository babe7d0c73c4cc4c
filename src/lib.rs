//! Telegram bots as ordinary Tower services.
//!
//! - [`webhook`], the way in: layers that turn Telegram's request into a typed update, and the bot's
//!   answer into a reply. [`Webhook`](webhook::Webhook) is all of them in the right order.
//! - [`router`]: handlers as functions of what they need of an update, by command, callback data or type.
//! - [`client`], the way out: a [`Client`] whose calls are a tower `Service`, over any HTTP client.
//! - [`webhook::registration`] keeps the webhook right: set only where it differs, checked before it is
//!   sent, and watched. `polling`: the same handler without one.
//! - `guide`: pages on what goes beyond one module, such as what is guaranteed when.
//! - [`types`] and [`methods`]: all of Bot API 10.3, open to what Telegram adds;
//!   [`text`] builds, splits and escapes text for messages.
//!
//! ```
//! use tower_telegram::{
//!     methods::SendMessage,
//!     router::{NewMessage, Router},
//!     webhook::{SecretToken, Webhook},
//! };
//!
//! async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
//!     Some(SendMessage::new(message.chat.id, message.text?))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router: Router = Router::new().message(echo);
//! let webhook = Webhook::new(SecretToken::new("a-long_Secret")?).service(router);
//! # let _ = webhook;
//! # Ok(())
//! # }
//! ```
//!
//! `webhook` is a `Service<http::Request<B>, Error = Infallible>` for any body: an axum
//! `route_service`, a hyper service, a route beside tonic's.
//!
//! # Features
//!
//! Without any, the crate has the layers, the types and methods, and the client over an HTTP
//! service of yours; it knows no runtime and no HTTP implementation.
//!
//! - **`client`** (on by default) brings a transport for [`Client`], so that `Client::new(&token)`
//!   is all it takes: hyper with rustls and bundled roots, over HTTP/1.1. It turns on `tokio` and
//!   `gzip`.
//! - **`http2`** (on by default) lets it speak HTTP/2 where the server does, so that calls share a
//!   connection. A small bot's program is an eighth smaller without.
//! - **`platform-roots`** lets that transport trust what the operating system does.
//! - **`reqwest`** makes a `reqwest::Client` a transport. It turns on `tokio` and `gzip`.
//! - **`gzip`** asks for compressed answers, and reads them.
//! - **`tokio`** brings what waits, has tasks or reads files: the read deadline of
//!   [`UpdateLayer`](webhook::UpdateLayer), `DeliveryLayer`, `DeadlineLayer` and `SequenceLayer`, the
//!   client's time-outs, its `RetryLayer` and `RateLimitLayer`, `Client::ensure_webhook` and
//!   `WebhookHealth` in [`webhook::registration`], `polling`, and uploads from paths and readers.
//!   Without it a slow peer is bounded in size and not in time.
//! - **`redis`** is what replicas of a bot share through Redis: which updates were handled, whose turn
//!   it is in a chat, the limits on calls, and a queue of updates between webhook and workers. It turns
//!   on `tokio`.
//! - **`server`** brings `server::Server`, an HTTP/1.1 server for webhooks that has limits for idle and
//!   slow connections and for how many there are. It turns on `tokio`, and brings hyper. The layers and
//!   `Webhook` need no feature to be served by another server.
//! - **`axum`** brings `axum::Telegram`, an extractor of updates and a response of replies for axum
//!   handlers. The layers and `Webhook` need no feature to be served by axum.
//! - **`serde-all`** adds the reverse of what a type needs by its role: what is received can be
//!   serialized, what is sent deserialized. For round trips, proxies and test kits; the build takes
//!   longer.
//!
//! # Minimum supported Rust version
//!
//! 1.88. A newer one is a minor release.
#![cfg_attr(docsrs, feature(doc_cfg))]
// The model checker builds the crate without what its tasks can't do: see `polling`.
#![cfg_attr(shuttle, allow(dead_code))]

#[macro_use]
mod macros;

#[cfg(feature = "axum")]
pub mod axum;
mod body;
pub mod client;
#[cfg(feature = "tokio")]
pub mod guide;
// The model checker's tasks lack what the runner takes of tokio's.
#[cfg(all(feature = "tokio", not(shuttle)))]
pub mod polling;
#[cfg(feature = "redis")]
pub mod redis;
pub mod router;
#[cfg(all(feature = "tokio", not(shuttle)))]
mod runner;
#[cfg(feature = "server")]
pub mod server;
mod task;
pub mod webhook;

use tower_telegram_types::json;
#[doc(inline)]
pub use tower_telegram_types::{
    InlineMethod, IntoReply, MAX_REPLY_ARGUMENTS, Method, Reply, ReplyError, methods, text, types,
};

pub use self::{
    client::{BotToken, Client},
    webhook::handler_fn,
};

/// The README's code is tested as this crate's own.
#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../README.md")]
struct Readme;
