//! What the bot reads from the environment.

use std::{env, error, fmt};

use http::Uri;
use tower_telegram::{
    BotToken,
    client::{InvalidBotToken, TELEGRAM_API},
    webhook::{InvalidSecretToken, SecretToken},
};

/// What the bot reads from the environment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `TELEGRAM_BOT_TOKEN`: whose bot this is.
    pub token: BotToken,
    /// `TELEGRAM_API_URL`: a Bot API server of your own; Telegram's unless set.
    pub api_url: String,
    /// `WEBHOOK_URL`: where Telegram reaches this server; its path is the route.
    pub webhook_url: String,
    /// `WEBHOOK_SECRET`: what Telegram shows; derived from the token unless set, so that replicas
    /// agree.
    pub secret: SecretToken,
    /// `LISTEN`: where to listen, `127.0.0.1:8080` unless set.
    pub listen: String,
}

impl Settings {
    /// Reads them; nothing if there is no token.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_env() -> Result<Option<Self>, SettingsError> {
        Self::read(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SettingsError> {
        let Some(token) = get("TELEGRAM_BOT_TOKEN") else {
            return Ok(None);
        };
        let token = BotToken::new(&token).map_err(SettingsError::Token)?;
        let webhook_url = get("WEBHOOK_URL").ok_or(SettingsError::NoWebhookUrl)?;
        let uri: Uri = webhook_url.parse().map_err(|_| SettingsError::WebhookUrl)?;
        if uri.host().is_none() {
            return Err(SettingsError::WebhookUrl);
        }
        let secret = match get("WEBHOOK_SECRET") {
            Some(secret) => SecretToken::new(&secret).map_err(SettingsError::Secret)?,
            None => derived(&token),
        };
        Ok(Some(Self {
            token,
            api_url: get("TELEGRAM_API_URL").unwrap_or_else(|| TELEGRAM_API.to_owned()),
            webhook_url,
            secret,
            listen: get("LISTEN").unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
        }))
    }

    /// For the embedded Telegram: any free port, unless `LISTEN` names one.
    pub(crate) fn embedded(token: &str, api_url: &str) -> Result<Self, SettingsError> {
        let token = BotToken::new(token).map_err(SettingsError::Token)?;
        Ok(Self {
            secret: derived(&token),
            token,
            api_url: api_url.to_owned(),
            webhook_url: "http://127.0.0.1/telegram".to_owned(),
            listen: env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned()),
        })
    }

    /// Whether the bot calls Telegram's own servers, which take less for a webhook than a server of
    /// one's own does.
    pub fn calls_telegrams_own(&self) -> bool {
        let host = |url: &str| url.parse::<Uri>().ok()?.host().map(str::to_ascii_lowercase);
        host(&self.api_url) == host(TELEGRAM_API)
    }

    /// The host of the webhook.
    pub fn host(&self) -> &str {
        let after_scheme = self
            .webhook_url
            .split_once("://")
            .map_or("", |(_, rest)| rest);
        let host = after_scheme.split(['/', '?', '#']).next();
        host.and_then(|host| host.split(':').next())
            .unwrap_or_default()
    }

    /// The route of the webhook.
    pub fn path(&self) -> &str {
        let after_scheme = self
            .webhook_url
            .split_once("://")
            .map_or("", |(_, rest)| rest);
        let path = after_scheme.find('/').map_or("/", |at| &after_scheme[at..]);
        path.split(['?', '#']).next().unwrap_or("/")
    }
}

fn derived(token: &BotToken) -> SecretToken {
    SecretToken::derive(token.expose().as_bytes(), token.bot_id())
}

/// A variable that is missing or malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// `TELEGRAM_BOT_TOKEN` isn't a token.
    Token(InvalidBotToken),
    /// `WEBHOOK_URL` is missing.
    NoWebhookUrl,
    /// `WEBHOOK_URL` isn't an absolute URL.
    WebhookUrl,
    /// `WEBHOOK_SECRET` isn't a secret that Telegram takes.
    Secret(InvalidSecretToken),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(e) => write!(f, "TELEGRAM_BOT_TOKEN: {e}"),
            Self::NoWebhookUrl => f.write_str(
                "WEBHOOK_URL must be set where TELEGRAM_BOT_TOKEN is: the public address of this bot",
            ),
            Self::WebhookUrl => f.write_str("WEBHOOK_URL must be an absolute url"),
            Self::Secret(e) => write!(f, "WEBHOOK_SECRET: {e}"),
        }
    }
}

impl error::Error for SettingsError {}

#[cfg(test)]
mod tests {
    use super::{Settings, SettingsError};

    fn read(pairs: &[(&str, &str)]) -> Result<Option<Settings>, SettingsError> {
        Settings::read(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_a_token_there_is_nothing_to_run_against() {
        assert!(read(&[("LISTEN", "x")]).unwrap().is_none());
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let settings = read(&[
            ("TELEGRAM_BOT_TOKEN", "1:a"),
            ("WEBHOOK_URL", "https://a.b/c/d?e"),
        ]);
        let settings = settings.unwrap().unwrap();
        assert_eq!(settings.path(), "/c/d");
        assert_eq!(settings.host(), "a.b");
        assert_eq!(settings.listen, "127.0.0.1:8080");
        assert_eq!(settings.api_url, "https://api.telegram.org");
        assert_eq!(settings.secret.expose().len(), 64);
    }

    #[test]
    fn only_a_server_of_ones_own_is_asked_for_less() {
        let own = |api_url: &str| {
            let settings = read(&[
                ("TELEGRAM_BOT_TOKEN", "1:a"),
                ("WEBHOOK_URL", "https://a.b/c"),
                ("TELEGRAM_API_URL", api_url),
            ]);
            settings.unwrap().unwrap().calls_telegrams_own()
        };
        for url in ["https://api.telegram.org/", "https://API.telegram.org:443"] {
            assert!(own(url), "{url}");
        }
        for url in ["http://127.0.0.1:8081", "https://telegram.org"] {
            assert!(!own(url), "{url}");
        }
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let wrong = |more: &[(&str, &str)]| {
            let pairs = [&[("TELEGRAM_BOT_TOKEN", "1:a")], more].concat();
            read(&pairs).unwrap_err().to_string()
        };
        assert!(wrong(&[]).starts_with("WEBHOOK_URL"));
        assert!(wrong(&[("WEBHOOK_URL", "/a")]).starts_with("WEBHOOK_URL"));
        let url = ("WEBHOOK_URL", "https://a");
        assert!(wrong(&[url, ("WEBHOOK_SECRET", "!")]).starts_with("WEBHOOK_SECRET"));
    }
}
