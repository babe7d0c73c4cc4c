//! Routes updates to handler functions whose arguments are what they need of the update.
//!
//! ```
//! use tower_telegram::{
//!     methods::SendMessage,
//!     router::{Command, NewMessage, Router},
//!     types::ChatId,
//!     webhook::{SecretToken, Webhook},
//! };
//!
//! /// `/roll 6`
//! async fn roll(Command(sides): Command<u32>, chat: ChatId) -> SendMessage {
//!     SendMessage::new(chat, format!("a die of {sides} sides"))
//! }
//!
//! async fn echo(NewMessage(message): NewMessage) -> Option<SendMessage> {
//!     Some(SendMessage::new(message.chat.id, message.text?))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router: Router = Router::new().command("roll", roll).message(echo);
//! let webhook = Webhook::new(SecretToken::new("swordfish")?)
//!     .allowed_updates(router.allowed_updates())
//!     .service(router);
//! # let _ = webhook;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Router`] is a tower `Service<http::Request<Update>>`: the handler of a
//! [`Webhook`](crate::webhook::Webhook), of `Polling` and of a queue's worker.
//!
//! # Which route an update takes
//!
//! The first of these that there is:
//!
//! 1. A route of a [merged](Router::merge) router with conditions, if the update meets them; in the order in
//!    which those were merged.
//! 2. For a new message: the [command](Router::command) with which its text or caption begins, in upper or
//!    lower case. One that names another bot is passed over, if the router knows [this bot's
//!    name](Router::username).
//! 3. For a pressed button: the route of its [callback data](Router::callback), by the part before the first
//!    `:`.
//! 4. A [route with a predicate](Router::route), in the order in which they were added.
//! 5. The route of its [type](Router::on).
//! 6. The [fallback](Router::fallback). Without one nothing is done, and Telegram is answered with 200.
//!
//! Finding it costs what a `match` over the same arms costs: a table by type, then by name.
//!
//! # Handlers
//!
//! A handler is an `async fn`, or a closure, of up to 16 arguments. All but the last are
//! [`FromUpdateParts`]; the last may also be [`FromUpdate`], which takes the update or a part of it by value.
//! It returns any [`IntoReply`](crate::IntoReply), or a `Result` of one. Where the arms of a `match` are
//! different methods, make each a [`Reply`](crate::Reply) with `.into()`.
//!
//! An argument that can't be taken from the update ends the update as failed for good, because a repeat
//! wouldn't change it: take an `Option` or a `Result` of the argument to decide otherwise. A
//! [`Command`]'s argument that can't be read is answered in the chat.
//!
//! # Panics
//!
//! A router panics while it is built, as axum's does, when two routes are for the same command, callback data
//! or type, or when a command's name isn't one (1–32 of `a-z0-9_`).

mod commands;
mod condition;
mod endpoint;
mod error;
mod extract;
mod from_ref;
mod function;
mod parts;
mod route_future;
mod route_key;
mod routes;
mod service;
#[cfg(feature = "tokio")]
pub mod session;
mod table;
#[cfg(test)]
mod tests;

pub use self::{
    commands::{CommandList, CommandMenu, CommandRoute, command},
    endpoint::Route,
    error::{HandlerError, MissingFromUpdate},
    extract::{
        arguments::{Arguments, FromArguments, InvalidArguments},
        callback::{CallbackData, CallbackPayload, InvalidCallbackData, callback_button},
        command::{Command, InvalidCommand, InvalidStartPayload, StartPayload, deep_link},
        compact::CompactError,
        payload::NewMessage,
        values::{Extension, State},
    },
    from_ref::FromRef,
    function::{Handler, HandlerArguments, HandlerFunction},
    parts::{ExtractorRejection, FromUpdate, FromUpdateParts, UpdateParts},
    route_future::RouteFuture,
    routes::Router,
};
