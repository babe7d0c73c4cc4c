//! [`WebhookSettings`]: the webhook that the bot has set.

use bytes::Bytes;

use crate::bot_api::args::{Args, to_integer};

/// The `max_connections` of a webhook that doesn't set it.
const DEFAULT_CONNECTIONS: i64 = 100;
const MAX_CONNECTIONS: i64 = 100_000;

/// The webhook that the bot has set.
///
/// ```
/// # use tower_telegram_test::Telegram;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_telegram_test::Error> {
/// let telegram = Telegram::start().await?;
/// telegram.set_webhook("http://127.0.0.1:8080/telegram", "a-long_Secret")?;
/// let webhook = telegram.webhook().expect("one is set");
/// assert_eq!(webhook.secret_token.as_deref(), Some("a-long_Secret"));
/// assert_eq!(webhook.max_connections, 100);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookSettings {
    /// The URL that updates are sent to.
    pub url: String,
    /// The value of the header `X-Telegram-Bot-Api-Secret-Token` of each request.
    pub secret_token: Option<String>,
    /// The IP address that is used instead of a DNS look-up.
    pub ip_address: Option<String>,
    /// How many requests may be open at once. Default: 100, like on a local server.
    pub max_connections: u32,
    /// The types of update that the bot asks for, in the server's order. `None` is the default set: all
    /// types except for `chat_member`, `message_reaction` and `message_reaction_count`.
    pub allowed_updates: Option<Vec<String>>,
    /// The uploaded certificate as the bot sent it.
    pub certificate: Option<Bytes>,
}

impl WebhookSettings {
    /// The settings in a call of `setWebhook`.
    pub(crate) fn from_args(url: String, args: &Args) -> Self {
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
