//! Keeping the webhook right.
//!
//! - [`SetWebhook::check`] finds what Telegram would refuse before anything is sent, as a refused
//!   `setWebhook` may leave the bot with no webhook at all. [`LocalSetWebhook`] is for a Bot API
//!   server of your own, which takes more.
//! - [`drift`] tells how a webhook differs from what it should be, and [`Health`] whether it works.
//!
//! ```
//! use tower_telegram::{methods::SetWebhook, setup::InvalidWebhook};
//!
//! assert!(SetWebhook::new("https://bot.example/telegram").check().is_ok());
//!
//! let exposed = SetWebhook::new("https://bot.example:8080/telegram");
//! assert_eq!(exposed.check(), Err(InvalidWebhook::Port { port: 8080 }));
//! assert!(exposed.for_local_server().check().is_ok());
//! ```
//!
//! [`SetWebhook::check`]: crate::methods::SetWebhook::check

mod certificate;
mod check;
mod drift;
#[cfg(feature = "tokio")]
mod ensure;
mod invalid;
mod local;
mod problem;
mod url;

#[cfg(feature = "tokio")]
pub use self::ensure::{EnsureWebhook, EnsureWebhookError, EnsuredWebhook};
pub use self::{
    drift::{Drift, drift},
    invalid::InvalidWebhook,
    local::LocalSetWebhook,
    problem::WebhookProblem,
};
