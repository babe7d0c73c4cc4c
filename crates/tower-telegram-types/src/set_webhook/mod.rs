//! Checks of `setWebhook`'s settings, and what the server says of a webhook.
//!
//! - [`SetWebhook::check`] finds what Telegram would refuse before anything is sent, because a refused
//!   `setWebhook` may leave the bot with no webhook at all. [`LocalSetWebhook`] is for a Bot API
//!   server of your own, which takes more.
//! - [`WebhookProblem`] is what a [`WebhookInfo`] says went wrong.
//!
//! ```
//! use tower_telegram::{methods::SetWebhook, webhook::registration::InvalidWebhook};
//!
//! assert!(SetWebhook::new("https://bot.example/telegram").check().is_ok());
//!
//! let exposed = SetWebhook::new("https://bot.example:8080/telegram");
//! assert_eq!(exposed.check(), Err(InvalidWebhook::Port { port: 8080 }));
//! assert!(exposed.for_local_server().check().is_ok());
//! ```
//!
//! [`SetWebhook::check`]: crate::methods::SetWebhook::check
//! [`WebhookInfo`]: crate::types::WebhookInfo

mod certificate;
mod check;
mod invalid;
mod local;
mod problem;
mod url;

pub use self::{
    invalid::InvalidWebhook, local::LocalSetWebhook, problem::WebhookProblem, url::is_same_url,
};
