//! Checks of `setWebhook`'s settings, and what the server says of a webhook.
//!
//! - [`SetWebhook::check`] finds what Telegram would refuse before anything is sent, because a refused
//!   `setWebhook` may leave the bot with no webhook at all. A Bot API server of your own takes more:
//!   [`SetWebhook::for_local_server`].
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
//! [`SetWebhook::for_local_server`]: crate::methods::SetWebhook::for_local_server
//! [`SetWebhook::check`]: crate::methods::SetWebhook::check
//! [`WebhookInfo`]: crate::types::WebhookInfo

mod certificate;
mod check;
mod debug;
mod fingerprint;
mod host;
mod invalid;
mod problem;
mod punycode;
mod url;
mod x509;

#[cfg(test)]
pub(crate) use self::certificate::tests::CERTIFICATE;
pub use self::{
    invalid::InvalidWebhook,
    problem::WebhookProblem,
    url::{host_and_path, is_same_url},
};
