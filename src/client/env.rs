//! Settings from environment variables: those of a client, and how those of a webhook are read.

use std::{
    env::{self, VarError},
    error, fmt,
};

use tower_telegram_types::{InvalidSecretToken, set_webhook::InvalidWebhook};

use super::{
    api::{InvalidBaseUrl, leads_to_own_server},
    client::TELEGRAM_API_URL,
    token::{BotToken, InvalidBotToken},
};
#[cfg(feature = "client")]
use super::{builder::ClientBuilder, client::Client, transport::HttpTransport};

/// The variable with the bot's token.
const TOKEN: &str = "TELEGRAM_BOT_TOKEN";

/// The variable with the base URL of a Bot API server other than Telegram's.
const API_URL: &str = "TELEGRAM_API_URL";

/// Returns the value of an environment variable, as [`env::var`] does. Tests pass a table instead, because
/// changing the environment of the process would affect other tests.
pub(crate) type ReadVariable<'a> = &'a dyn Fn(&str) -> Result<String, VarError>;

/// The variables of this process.
pub(crate) fn environment(name: &str) -> Result<String, VarError> {
    env::var(name)
}

impl BotToken {
    /// Reads the token from the environment variable `TELEGRAM_BOT_TOKEN`.
    ///
    /// # Errors
    ///
    /// When the variable is unset or empty, isn't Unicode, or isn't the token of a bot. The error doesn't show
    /// the value.
    pub fn from_env() -> Result<Self, EnvError> {
        token(&environment)
    }
}

#[cfg(feature = "client")]
impl Client {
    /// A client with its settings from the environment, over the default transport and without layers.
    ///
    /// | variable | |
    /// |---|---|
    /// | `TELEGRAM_BOT_TOKEN` | the bot's token; required |
    /// | `TELEGRAM_API_URL` | the base URL of a [Bot API server of your own](https://core.telegram.org/bots/api#using-a-local-bot-api-server), such as `http://localhost:8081`. Default: [`TELEGRAM_API_URL`] |
    ///
    /// An empty variable counts as unset. [`builder_from_env`](Self::builder_from_env) reads the same variables
    /// for a client with layers or settings.
    ///
    /// ```no_run
    /// use tower_telegram::{Client, methods::GetMe};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::from_env()?;
    /// let me = client.send(GetMe::new()).await?;
    /// println!("calling as @{}", me.username.unwrap_or_default());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the token is missing or malformed, or the URL isn't an absolute `http` or `https` URL. The error
    /// names the variable and doesn't show its value.
    pub fn from_env() -> Result<Self, EnvError> {
        Self::builder_from_env().map(ClientBuilder::build)
    }

    /// A builder with the token and the base URL from the environment: see [`from_env`](Self::from_env).
    ///
    /// ```no_run
    /// use tower_telegram::{
    ///     Client,
    ///     client::{RateLimitLayer, RetryLayer},
    /// };
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder_from_env()?
    ///     .layer(RetryLayer::new())
    ///     .layer(RateLimitLayer::new())
    ///     .build();
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    pub fn builder_from_env() -> Result<ClientBuilder<HttpTransport>, EnvError> {
        builder(&environment)
    }
}

/// Whether calls go to a Bot API server other than Telegram's.
pub(crate) fn has_own_server(read: ReadVariable<'_>) -> Result<bool, EnvError> {
    leads_to_own_server(&api_url(read)?).map_err(|source| EnvError(EnvFault::ApiUrl(source)))
}

#[cfg(feature = "client")]
fn builder(read: ReadVariable<'_>) -> Result<ClientBuilder<HttpTransport>, EnvError> {
    let token = token(read)?;
    Client::builder(&token)
        .base_url(&api_url(read)?)
        .map_err(|source| EnvError(EnvFault::ApiUrl(source)))
}

pub(crate) fn token(read: ReadVariable<'_>) -> Result<BotToken, EnvError> {
    let text = required(read, TOKEN)?;
    BotToken::new(&text).map_err(|source| EnvError(EnvFault::Token(source)))
}

/// The base URL of the Bot API server, unchecked.
pub(crate) fn api_url(read: ReadVariable<'_>) -> Result<String, EnvError> {
    Ok(variable(read, API_URL)?.unwrap_or_else(|| TELEGRAM_API_URL.to_owned()))
}

pub(crate) fn required(read: ReadVariable<'_>, name: &'static str) -> Result<String, EnvError> {
    variable(read, name)?.ok_or(EnvError(EnvFault::Missing(name)))
}

/// The value, or `None` if the variable is unset or empty.
pub(crate) fn variable(
    read: ReadVariable<'_>,
    name: &'static str,
) -> Result<Option<String>, EnvError> {
    match read(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        // The source would show the value.
        Err(VarError::NotUnicode(_)) => Err(EnvError(EnvFault::NotUnicode(name))),
    }
}

/// An environment variable that is missing or malformed. It doesn't show the variable's value, which may be the
/// bot's token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EnvError(EnvFault);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EnvFault {
    Missing(&'static str),
    NotUnicode(&'static str),
    Token(InvalidBotToken),
    Url(&'static str),
    Webhook(&'static str, InvalidWebhook),
    Address(&'static str),
    AxumRoute(&'static str),
    Secret(&'static str, InvalidSecretToken),
    ApiUrl(InvalidBaseUrl),
}

impl EnvError {
    pub(crate) fn not_a_url(name: &'static str) -> Self {
        Self(EnvFault::Url(name))
    }

    pub(crate) fn not_a_webhook(name: &'static str, source: InvalidWebhook) -> Self {
        Self(EnvFault::Webhook(name, source))
    }

    pub(crate) fn not_an_address(name: &'static str) -> Self {
        Self(EnvFault::Address(name))
    }

    pub(crate) fn not_an_axum_route(name: &'static str) -> Self {
        Self(EnvFault::AxumRoute(name))
    }

    pub(crate) fn secret(name: &'static str, source: InvalidSecretToken) -> Self {
        Self(EnvFault::Secret(name, source))
    }

    /// The name of the variable, such as `TELEGRAM_BOT_TOKEN`.
    pub fn variable(&self) -> &'static str {
        match self.0 {
            EnvFault::Missing(name)
            | EnvFault::NotUnicode(name)
            | EnvFault::Url(name)
            | EnvFault::Webhook(name, _)
            | EnvFault::Address(name)
            | EnvFault::AxumRoute(name)
            | EnvFault::Secret(name, _) => name,
            EnvFault::Token(_) => TOKEN,
            EnvFault::ApiUrl(_) => API_URL,
        }
    }

    /// Whether the variable is unset or empty, and not malformed.
    pub fn is_missing(&self) -> bool {
        matches!(self.0, EnvFault::Missing(_))
    }
}

/// One line, with the reason.
impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.0 {
            EnvFault::Missing(_) => "isn't set",
            EnvFault::NotUnicode(_) => "isn't unicode",
            EnvFault::Token(_) => "isn't a bot token",
            EnvFault::Url(_) => "isn't an absolute url",
            EnvFault::Webhook(..) => "isn't a url that Telegram takes",
            EnvFault::Address(_) => "isn't an address with a port, such as 0.0.0.0:8080",
            EnvFault::AxumRoute(_) => {
                "has a path that axum refuses: a segment of it begins with `:` or `*`"
            }
            EnvFault::Secret(..) => "isn't a secret token",
            EnvFault::ApiUrl(_) => "isn't a base url",
        };
        write!(f, "the environment variable {} {problem}", self.variable())?;
        match error::Error::source(self) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

/// The same sentence, because this is what Rust prints of an error that `main` returns.
impl fmt::Debug for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl error::Error for EnvError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            EnvFault::Missing(_)
            | EnvFault::NotUnicode(_)
            | EnvFault::Url(_)
            | EnvFault::Address(_)
            | EnvFault::AxumRoute(_) => None,
            EnvFault::Webhook(_, source) => Some(source),
            EnvFault::Secret(_, source) => Some(source),
            EnvFault::Token(source) => Some(source),
            EnvFault::ApiUrl(source) => Some(source),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::error::Error as _;

    use super::*;

    pub(crate) type Variables<'a> = &'a [(&'a str, &'a str)];

    pub(crate) fn reads(variables: Variables<'_>) -> impl Fn(&str) -> Result<String, VarError> {
        move |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map_or(Err(VarError::NotPresent), |(_, value)| {
                Ok((*value).to_owned())
            })
        }
    }

    #[test]
    fn a_token_is_read_from_its_variable() {
        let read = token(&reads(&[("TELEGRAM_BOT_TOKEN", "12:a-Secret")]));
        assert_eq!(read.unwrap().expose(), "12:a-Secret");
        for missing in [&[][..], &[("TELEGRAM_BOT_TOKEN", "")]] {
            let error = token(&reads(missing)).unwrap_err();
            assert!(error.is_missing());
            assert_eq!(
                error.to_string(),
                "the environment variable TELEGRAM_BOT_TOKEN isn't set"
            );
        }
    }

    #[test]
    fn a6_an_error_never_shows_the_variable_that_is_malformed() {
        let not_unicode = |_: &str| Err(VarError::NotUnicode("12:a-Secret".into()));
        let quoted = reads(&[("TELEGRAM_BOT_TOKEN", "\"12:a-Secret\"")]);
        let errors = [token(&not_unicode), token(&quoted)].map(|read| read.unwrap_err());
        for error in errors {
            assert_eq!(error.variable(), "TELEGRAM_BOT_TOKEN");
            assert!(!error.is_missing());
            let source = error.source().map(ToString::to_string);
            let shown = format!("{error} {error:?} {source:?}");
            assert!(!shown.contains("Secret"), "{shown}");
        }
    }

    #[test]
    fn an_error_that_main_returns_is_printed_as_a_sentence() {
        let debug = |error: EnvError| format!("{error:?}");
        let missing = token(&reads(&[])).unwrap_err();
        let sentence = "the environment variable TELEGRAM_BOT_TOKEN isn't set";
        assert_eq!(debug(missing), sentence);
        let malformed = token(&reads(&[("TELEGRAM_BOT_TOKEN", "x")])).unwrap_err();
        let source = malformed.source().unwrap();
        let sentence = "the environment variable TELEGRAM_BOT_TOKEN isn't a bot token";
        assert_eq!(debug(malformed), format!("{sentence}: {source}"));
    }

    #[cfg(feature = "client")]
    #[test]
    fn a_server_is_telegrams_unless_its_variable_names_another() {
        let token = ("TELEGRAM_BOT_TOKEN", "12:a-Secret");
        let shown = |url: &str| {
            let builder = builder(&reads(&[token, ("TELEGRAM_API_URL", url)]));
            format!("{:?}", builder.unwrap())
        };
        assert!(shown("").contains("\"https://api.telegram.org\""));
        assert!(shown("http://localhost:8081").contains("\"http://localhost:8081\""));
        assert!(!shown("").contains("Secret"));

        let url = ("TELEGRAM_API_URL", "localhost/12:a-Secret");
        let error = builder(&reads(&[token, url])).unwrap_err();
        assert_eq!(error.variable(), "TELEGRAM_API_URL");
        let source = error.source().map(ToString::to_string);
        let shown = format!("{error} {error:?} {source:?}");
        assert!(!shown.contains("Secret"), "{shown}");
    }
}
