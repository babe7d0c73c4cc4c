//! Registration of the webhook with Telegram: set where it differs, checked before it is sent, watched.
//!
//! - [`SetWebhook::check`] finds what Telegram would refuse before anything is sent, because a refused
//!   `setWebhook` may leave the bot with no webhook at all. A Bot API server of your own takes more:
//!   [`SetWebhook::for_local_server`].
//! - [`SetWebhook::with_fingerprint`] makes a new secret token or certificate visible, which Telegram doesn't return.
//! - `Client::ensure_webhook` sets the webhook only where it isn't right, from any number of replicas
//!   at once (feature `tokio`).
//! - [`drift`] lists how a webhook differs from its wanted settings, and [`Health`] judges whether it works;
//!   `WebhookHealth` (feature `tokio`) does so at an interval.
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
//! [`SetWebhook::with_fingerprint`]: crate::methods::SetWebhook::with_fingerprint
//! [`SetWebhook::check`]: crate::methods::SetWebhook::check

#[cfg(feature = "tokio")]
mod clock;
mod drift;
#[cfg(feature = "tokio")]
mod ensure;
mod env;
mod health;
#[cfg(feature = "tokio")]
mod watch;

pub use tower_telegram_types::set_webhook::{InvalidWebhook, WebhookProblem};

pub use self::{
    drift::{Drift, drift},
    env::WebhookEnv,
    health::{Health, HealthLimits},
};
#[cfg(feature = "tokio")]
pub use self::{
    ensure::{EnsureWebhook, EnsureWebhookError, EnsuredWebhook},
    watch::{HealthHandle, HealthReport, WebhookHealth},
};
