//! A router of updates to handlers: functions whose arguments are taken from the update.
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
//! let webhook = Webhook::new(SecretToken::new("swordfish")?).router(router);
//! # let _ = webhook;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Router`] is a tower `Service<http::Request<Update>>`, so it is the handler of a
//! [`Webhook`](crate::webhook::Webhook::router), and by
//! [`into_updates`](crate::webhook::WebhookService::into_updates) that of `Polling` and of a queue's worker.
//!
//! # Which route an update takes
//!
//! The first of these that matches:
//!
//! 1. The routes of a [merged](Router::merge) router with conditions, if the update meets the conditions. Such
//!    routers are tried in the order in which they were merged.
//! 2. For a new message, the route of the [command](Router::command) with which its text or caption begins, in
//!    upper or lower case. A command for another bot, such as `/start@other_bot`, doesn't match if the router
//!    knows [this bot's name](Router::username).
//! 3. For a pressed button, the route of its [callback data](Router::callback): of the part before the first
//!    `:`.
//! 4. The [routes with a predicate](Router::route), in the order in which they were added.
//! 5. The route of the update's [type](Router::on).
//! 6. The [fallback](Router::fallback).
//!
//! An update that no route matches is done: Telegram gets 200 and no reply.
//!
//! The router looks into a table by type and then by name, so the cost doesn't grow with each route.
//!
//! # Handlers
//!
//! A handler is an `async fn`, or a closure that returns a future, with up to 16 arguments:
//!
//! | argument | value |
//! |---|---|
//! | [`State<T>`](State), [`Client`](crate::Client) | the router's state, or a [part](FromRef) of it |
//! | [`Command<A>`](Command), [`StartPayload`] | the arguments of the command, [typed](FromArguments) |
//! | [`CallbackData<T>`](CallbackData) | the data of the pressed button, typed |
//! | [`ChatId`](crate::types::ChatId), [`Chat`](crate::types::Chat) | the chat of the update: where to send, or all of it with its number |
//! | [`User`](crate::types::User) | the user who caused the update |
//! | `Session<T>` | the bot's memory of the chat or user (feature `tokio`) |
//! | [`RawUpdate`](crate::webhook::RawUpdate) | the update's bytes |
//! | [`BotId`](crate::webhook::BotId), [`Extension<T>`](Extension) | values that layers have put into the extensions |
//! | `Deadline` | the time by which Telegram gets its response (feature `tokio`) |
//! | `Option<E>`, `Result<E, E::Rejection>` | another argument, or `None` or its error |
//! | [`Update`](crate::types::Update), [`NewMessage`], [`Message`](crate::types::Message), [`CallbackQuery`](crate::types::CallbackQuery), [`InlineQuery`](crate::types::InlineQuery) and each other payload | the update or its payload, by value; only as the last argument |
//!
//! Arguments of your own implement [`FromUpdateParts`], or [`FromUpdate`] if they take the update by value.
//!
//! A handler returns any [`IntoReply`](crate::IntoReply), or a `Result` of one. Where the arms of a `match` are
//! different methods, make each a [`Reply`](crate::Reply) with `.into()`:
//!
//! ```
//! use tower_telegram::{
//!     Reply,
//!     methods::{SendDice, SendMessage},
//!     router::Command,
//!     types::ChatId,
//! };
//!
//! async fn play(Command(game): Command, chat: ChatId) -> Reply {
//!     match &*game {
//!         "dice" => SendDice::new(chat).into(),
//!         _ => SendMessage::new(chat, "Which game?").into(),
//!     }
//! }
//! ```
//!
//! # Errors
//!
//! An error that a handler returns is a failed attempt, and Telegram sends the update again. A
//! [`Failure::permanent`](crate::webhook::Failure::permanent) ends the update at once, and so does an error of the
//! client with a refusal that a repeat can't change, such as "bot was blocked by the user". So `?` on the client's
//! errors is safe: Telegram doesn't repeat a hopeless update. [`on_error`](Router::on_error) gets the errors of
//! handlers, and may reply to the chat.
//!
//! An argument that can't be taken from the update ends it at once too, because a repeat wouldn't change it. Take
//! an `Option` or a `Result` of the argument to decide otherwise. Arguments of a [`Command`] that can't be read
//! are answered in the chat.
//!
//! # Panics
//!
//! A router panics while it is built, as axum's does, when two routes match the same command, callback data
//! or type, or when a name isn't a command's (1 to 32 characters of `a-z0-9_`). Only the bot's own
//! [name](Router::username) comes from outside the program, and an invalid one is an error.

mod command_scope;
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
mod route_set;
mod routes;
mod service;
#[cfg(feature = "tokio")]
pub mod session;
mod table;
#[cfg(test)]
mod tests;
mod username;
mod webhook;

pub use self::{
    commands::{CommandList, CommandMenu, CommandRoute, command},
    endpoint::Route,
    error::{HandlerError, MissingFromUpdate},
    extract::{
        arguments::{Arguments, FromArguments, InvalidArguments, Parsed},
        callback::{CallbackData, InvalidCallback},
        command::{Command, InvalidCommand},
        deep_link::{InvalidDeepLink, StartPayload, deep_link},
        payload::NewMessage,
        values::{Extension, State},
    },
    from_ref::FromRef,
    function::{Handler, HandlerArguments, HandlerFunction},
    parts::{ExtractorRejection, FromUpdate, FromUpdateParts, UpdateParts},
    route_future::RouteFuture,
    routes::Router,
    username::InvalidUsername,
};
