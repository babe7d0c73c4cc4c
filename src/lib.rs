//! Telegram bots as ordinary Tower services.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
pub mod axum;
mod body;
pub mod client;
mod json;
mod method;
pub mod methods;
mod model;
mod multipart;
mod reply;
#[cfg(feature = "testing")]
pub mod testing;
pub mod types;
pub mod webhook;

pub use self::{
    client::{BotToken, Client},
    method::{InlineMethod, Method, decode},
    reply::{IntoReply, MAX_REPLY_ARGUMENTS, Reply, ReplyError},
    webhook::handler_fn,
};
