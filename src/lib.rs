//! Telegram bots as Tower services: webhook layers, typed handlers, and a Bot API client.
//!
//! - [`webhook`] has layers that turn a webhook request into a typed update and the handler's reply into
//!   the response. [`Webhook`](webhook::Webhook) assembles them in the right order.
//! - [`router`] calls handler functions by command, callback data or type of update, with arguments
//!   extracted from the update.
//! - [`client`] has the [`Client`], a `Service` from a typed method to its typed result, over any HTTP
//!   client.
//! - [`webhook::registration`] sets the webhook, finds differences from the settings that you want, and
//!   watches its health.
//! - `polling` feeds the same handlers from `getUpdates`, without a public address.
//! - [`trace`] records a span for each update and each call, and metrics. `health` serves `/livez` and `/readyz`.
//! - [`types`] and [`methods`] are all of Bot API 10.3. Values that Telegram adds later are kept.
//! - [`text`] formats, splits and escapes text for messages.
//! - [`guide`] has a cookbook, and pages on each layer, delivery guarantees, deploying, security, testing, spans and metrics,
//!   performance, and on moving a bot from another framework.
//!
//! # Example
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
//! let webhook = Webhook::new(SecretToken::new("a-long_Secret")?).router(router);
//! # let _ = webhook;
//! # Ok(())
//! # }
//! ```
//!
//! `webhook` is a `Service<http::Request<B>, Error = Infallible>` for any request body `B`. It can be an
//! axum `route_service`, a hyper service, or a route next to tonic's.
//!
//! # Features
//!
//! Without any feature, the crate has the layers, the types and methods, and the client over an HTTP
//! service of your own. It then depends on no runtime and no HTTP implementation.
//!
//! - **`client`** (on by default) adds the transport that [`Client`]'s `new` uses: hyper with rustls and
//!   bundled root certificates, over HTTP/1.1. It turns on `tokio` and `gzip`.
//! - **`http2`** lets that transport use HTTP/2 if the server supports it. It pays for a bot that makes
//!   many calls at the same time, such as a mailing: they share one connection instead of a TLS handshake
//!   each. A call that follows another takes half as much CPU again as over HTTP/1.1, and the program of a
//!   small bot is an eighth larger.
//! - **`platform-roots`** lets that transport use the operating system's root certificates.
//! - **`reqwest`** makes a `reqwest::Client` usable as a transport. It turns on `tokio` and `gzip`.
//! - **`gzip`** requests compressed responses, and decompresses them.
//! - **`tokio`** adds everything that waits, spawns tasks or reads files: the read deadline of
//!   [`UpdateLayer`](webhook::UpdateLayer), `DeliveryLayer`, `DeadlineLayer` and `SequenceLayer`, the
//!   client's time-outs, its `RetryLayer` and `RateLimitLayer`, `Client::ensure_webhook` and
//!   `WebhookHealth` in [`webhook::registration`], `polling`, `guide`, and uploads from paths and readers.
//!   Without it, a slow request is bounded in size but not in time.
//! - **`queue`** adds `queue`: a queue of updates between webhooks and workers, over an engine of your own. It turns
//!   on `tokio`.
//! - **`redis`** shares state between the replicas of a bot through Redis: handled updates, the order
//!   within a chat, rate limits, sessions, and a queue of updates. It turns on `queue`.
//! - **`nats`** adds `nats::NatsQueue`, a queue of updates on NATS JetStream. It turns on `queue`.
//! - **`server`** adds `server::Server`, an HTTP/1.1 server for webhooks that limits the number of
//!   connections and closes idle and slow ones. It turns on `tokio` and `signal`, and depends on hyper.
//!   No feature is needed to serve a `Webhook` with another server.
//! - **`signal`** adds `shutdown_signal`, a future that ends at SIGTERM or Ctrl-C. It turns on `tokio`.
//! - **`metrics`** counts and measures updates and calls, over the facade `metrics`. Without a recorder the
//!   values go nowhere.
//! - **`axum`** adds `axum::Telegram`, which extracts updates in axum handlers and returns replies from
//!   them. No feature is needed to serve a `Webhook` with axum.
//! - **`serde-all`** implements `Serialize` for types that are only received, and `Deserialize` for types
//!   that are only sent, for round trips, proxies and test kits. The build takes longer.
//!
//! # Minimum supported Rust version
//!
//! 1.88. Raising it is a minor release.
#![cfg_attr(docsrs, feature(doc_cfg))]
// The model checker builds the crate without `polling`, so some functions have no caller there.
#![cfg_attr(shuttle, allow(dead_code, unused_imports))]

#[macro_use]
mod macros;

#[cfg(feature = "axum")]
pub mod axum;
mod body;
pub mod client;
#[cfg(feature = "tokio")]
pub mod guide;
#[cfg(all(feature = "tokio", not(shuttle)))]
pub mod health;
#[cfg(all(feature = "nats", not(shuttle)))]
pub mod nats;
// The runner uses parts of tokio that the model checker doesn't have.
#[cfg(all(feature = "tokio", not(shuttle)))]
pub mod polling;
#[cfg(all(feature = "queue", not(shuttle)))]
pub mod queue;
#[cfg(feature = "redis")]
pub mod redis;
pub mod router;
#[cfg(all(feature = "tokio", not(shuttle)))]
mod runner;
#[cfg(feature = "server")]
pub mod server;
#[cfg(all(feature = "signal", any(unix, windows)))]
mod signal;
mod task;
mod telemetry;
pub mod trace;
pub mod webhook;

use tower_telegram_types::json;
#[doc(inline)]
pub use tower_telegram_types::{
    InlineMethod, IntoReply, Method, Reply, ReplyError, methods, text, types,
};

pub use self::{
    body::bytes::BytesBody,
    client::{BotToken, Client},
    webhook::handler_fn,
};

#[cfg(all(feature = "signal", any(unix, windows)))]
pub use self::signal::shutdown_signal;

/// The README's code is tested as this crate's own.
#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../README.md")]
struct Readme;
