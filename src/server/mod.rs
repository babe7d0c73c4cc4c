//! An HTTP/1.1 server for webhooks, with the limits that a public address needs.
//!
//! Any server serves a [`Webhook`](crate::webhook::Webhook). This one is small, speaks the HTTP/1.1 that Telegram
//! speaks, and can't be stopped by strangers:
//!
//! 1. A connection has [`head_timeout`](Server::head_timeout) for its handshake and the head of its
//!    first request. So has one whose last request was refused with a 4xx for its next.
//! 2. Any other connection is kept for [`idle_timeout`](Server::idle_timeout) between requests.
//!    Telegram closes its own after 60 seconds, and it opens new ones slowly, so that they are worth keeping.
//! 3. There are at most [`max_connections`](Server::max_connections). A new one takes the place of one
//!    that waits for a request, or whose peer has taken nothing of a response for 2 seconds. First go those
//!    that have sent no request yet or whose last one was refused, the oldest of them; then the one that has
//!    been idle for longest. If every connection has a request under way, the new one waits. So Telegram's
//!    connections are closed last, and a new one of Telegram's is accepted even while strangers hold all others.
//! 4. An error of `accept`, such as having no file descriptor left, is logged and waited out.
//! 5. At shutdown it stops listening, closes idle connections, and waits for running requests up to
//!    [`shutdown_timeout`](Server::shutdown_timeout).
//!
//! A request under way isn't cut short, unless its peer takes nothing of the response for as long as an
//! idle connection is kept. A body that dribbles in has the read deadline of
//! [`UpdateLayer`](crate::webhook::UpdateLayer); other routes need a time-out layer of their own.
//!
//! It has no HTTP/2 and no upgrades such as WebSocket. Each request carries its peer's address, as
//! [`PeerAddr`](crate::webhook::PeerAddr), where [`SourceIpLayer`](crate::webhook::SourceIpLayer) finds it.
//!
//! ```no_run
//! use tower_telegram::{
//!     methods::SendMessage,
//!     server::Server,
//!     types::Update,
//!     webhook::{SecretToken, Webhook},
//! };
//!
//! # async fn run(secret: SecretToken) -> std::io::Result<()> {
//! let webhook = Webhook::new(secret).handler(async |update: Update| {
//!     let message = update.new_message()?;
//!     Some(SendMessage::new(message.chat.id, message.text.as_deref()?))
//! });
//! let stop = async { drop(tokio::signal::ctrl_c().await) };
//! let server = Server::bind("0.0.0.0:8080").await?;
//! server.serve_with_shutdown(webhook, stop).await;
//! # Ok(())
//! # }
//! ```
//!
//! An axum `Router` is served the same way. Another server, such as tonic's, can take its connections from a
//! [`LimitedListener`], which limits how many there are and how long they may be silent.

mod accept;
mod body;
mod connection;
mod connections;
mod descriptors;
mod handshake;
mod limited;
mod listen;
#[allow(clippy::module_inception)] // it is the one type that people name
mod server;
mod service;
mod state;

pub use self::{
    body::{RequestBody, RequestBodyError},
    limited::{LimitedListener, LimitedStream},
    server::Server,
};
