//! The settings of a webhook.

use bytes::Bytes;

use super::args::{Args, to_integer};

const DEFAULT_CONNECTIONS: i64 = 100;
const MAX_CONNECTIONS: i64 = 100_000;

/// The webhook that a bot has set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookSettings {
    /// Where updates go.
    pub url: String,
    /// What each request carries as `X-Telegram-Bot-Api-Secret-Token`.
    pub secret_token: Option<String>,
    /// The address that is used instead of a look-up.
    pub ip_address: Option<String>,
    /// How many requests may be under way at once; 100 by default, as on a local server.
    pub max_connections: u32,
    /// The types that are asked for, in the server's order. `None` is the default set: all but `chat_member`,
    /// `message_reaction` and `message_reaction_count`.
    pub allowed_updates: Option<Vec<String>>,
    /// The uploaded certificate, as it came.
    pub certificate: Option<Bytes>,
}

impl WebhookSettings {
    /// What a call of `setWebhook` asks for.
    pub(super) fn from_args(url: String, args: &Args) -> Self {
        let optional = |name| Some(args.text(name)).filter(|text| !text.is_empty());
        let max_connections =
            optional("max_connections").map_or(DEFAULT_CONNECTIONS, |text| to_integer(&text));
        Self {
            url,
            secret_token: optional("secret_token"),
            ip_address: optional("ip_address"),
            max_connections: u32::try_from(max_connections.clamp(1, MAX_CONNECTIONS)).unwrap_or(1),
            allowed_updates: None,
            certificate: args.file("certificate").map(|file| file.bytes.clone()),
        }
    }
}
