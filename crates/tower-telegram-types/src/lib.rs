//! Telegram's Bot API as Rust types, for [`tower-telegram`](https://docs.rs/tower-telegram) and for libraries that need
//! only the types.
//!
//! - [`types`] and [`methods`] are all of Bot API 10.3, open to what Telegram adds later.
//! - [`Method`] is the trait of all methods: their names, results and uploads.
//! - [`Reply`] is the reply to an update, and [`IntoReply`] the trait of all types that a handler may return as one.
//! - [`set_webhook`] finds what Telegram would refuse in a `setWebhook` call, before it is sent.
//! - [`text`] builds, splits and escapes text for messages.
//!
//! There is no runtime here and no HTTP client.
//!
//! The types read JSON, and every other format that describes itself, such as `MessagePack` and CBOR,
//! also inside `#[serde(flatten)]` and untagged or internally tagged enums. JSON is read directly, and quickest by
//! [`Update::from_slice`](types::Update::from_slice); other formats are converted to JSON first. A format that doesn't
//! describe itself, such as postcard, gives its own error, because it has no way to leave out a field or to skip one.
//!
//! # Features
//!
//! - **`tokio`** adds uploads from paths and from readers ([`InputFile::path`](types::InputFile),
//!   `InputFile::reader`). It brings tokio's I/O traits and no runtime.
//! - **`serde-all`** adds the reverse direction: types that are received can be serialized, and types that are sent can
//!   be deserialized.
//!
//! # Minimum supported Rust version
//!
//! 1.88. A newer one is a minor release.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
mod bot_id;
mod handler_output;
/// The reader behind the generated types. Not part of the public API: it changes with any release.
#[doc(hidden)]
pub mod json;
mod method;
pub mod methods;
mod reply;
mod secret_token;
pub mod set_webhook;
pub mod text;
pub mod types;

pub use self::{
    bot_id::BotId,
    handler_output::HandlerOutput,
    method::{InlineMethod, Method},
    reply::{IntoReply, Reply, ReplyError},
    secret_token::{InvalidSecretToken, SecretToken},
};

/// The README's code is tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
