//! Settings of a webhook from environment variables.

use std::fmt;

use tower_telegram_types::set_webhook::{InvalidWebhook, host_and_path};

use crate::{
    client::{
        BotToken,
        env::{self, EnvError, ReadVariable},
    },
    methods::SetWebhook,
    types::InputFile,
    webhook::SecretToken,
};

/// The variable with the public URL of the webhook.
const URL: &str = "WEBHOOK_URL";

/// The variable with the secret token.
const SECRET: &str = "WEBHOOK_SECRET";

/// The variable with the address to listen on.
const LISTEN: &str = "LISTEN";

/// The settings of a bot's webhook, as environment variables.
///
/// | variable | |
/// |---|---|
/// | `TELEGRAM_BOT_TOKEN` | the bot's token; required |
/// | `TELEGRAM_API_URL` | the base URL of a Bot API server of your own. Default: Telegram's |
/// | `WEBHOOK_URL` | the public URL that Telegram sends updates to; required. Its path is the route |
/// | `WEBHOOK_SECRET` | the secret token: 1 to 256 of `A-Z`, `a-z`, `0-9`, `_` and `-`. Default: derived from the bot's token, so that all replicas have the same |
/// | `LISTEN` | the address and port to listen on, or `unix:` and the path of a socket. Default: `127.0.0.1:8080` |
///
/// An empty variable counts as unset.
///
/// ```no_run
/// # #[cfg(all(feature = "client", feature = "server"))]
/// use tower_telegram::{
///     Client,
///     methods::SendMessage,
///     server::Server,
///     types::{Update, UpdateType},
///     webhook::{Webhook, registration::WebhookEnv},
/// };
///
/// # #[cfg(all(feature = "client", feature = "server"))]
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::from_env()?;
/// let settings = WebhookEnv::from_env()?;
/// let webhook = Webhook::new(settings.secret())
///     .allowed_updates([UpdateType::Message])
///     .handler(async |update: Update| println!("{update:?}"));
///
/// // First listen, and then let Telegram send updates.
/// let server = Server::bind(settings.listen()).await?;
/// let wanted = settings.set_webhook().allowed_updates([UpdateType::Message]);
/// client.ensure_webhook(&wanted).await?;
/// server.serve(webhook).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WebhookEnv {
    url: String,
    path: String,
    host: String,
    secret: SecretToken,
    listen: String,
    token: BotToken,
    is_local: bool,
}

impl WebhookEnv {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed, or Telegram wouldn't take the URL (see
    /// [`SetWebhook::check`](crate::methods::SetWebhook::check)). The error names the variable and doesn't show its value.
    pub fn from_env() -> Result<Self, EnvError> {
        Self::read(&env::environment)
    }

    fn read(read: ReadVariable<'_>) -> Result<Self, EnvError> {
        let token = env::token(read)?;
        let url = env::required(read, URL)?;
        let parts = host_and_path(&url);
        let (host, path) = parts.ok_or_else(|| EnvError::not_a_url(URL))?;
        let secret = match env::variable(read, SECRET)? {
            Some(secret) => {
                SecretToken::new(&secret).map_err(|source| EnvError::secret(SECRET, source))?
            }
            None => SecretToken::derive(token.expose().as_bytes(), token.bot_id()),
        };
        let listen = env::variable(read, LISTEN)?;
        let listen = listen.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        if !is_address(&listen) {
            return Err(EnvError::not_an_address(LISTEN));
        }
        let settings = Self {
            host,
            path,
            secret,
            listen,
            is_local: env::has_own_server(read)?,
            token,
            url,
        };
        settings.check_url()?;
        Ok(settings)
    }

    /// A host that isn't public is left to `setWebhook`: with a certificate and an `ip_address`, Telegram takes it.
    fn check_url(&self) -> Result<(), EnvError> {
        match self.set_webhook().check() {
            Ok(()) | Err(InvalidWebhook::SingleLabel | InvalidWebhook::ReservedName { .. }) => {
                Ok(())
            }
            Err(refusal) => Err(EnvError::not_a_webhook(URL, refusal)),
        }
    }

    /// The public URL that Telegram sends updates to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The path of the URL, the same as in Telegram's requests. At least `/`.
    ///
    /// A router may read some of its characters as a pattern: compare it, or use [`axum_route`](Self::axum_route).
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path as a route of axum 0.8 that matches this path alone: its `{` and `}` are doubled. tonic's router is
    /// axum's.
    ///
    /// ```no_run
    /// # fn run(webhook: axum::routing::MethodRouter) -> Result<(), Box<dyn std::error::Error>> {
    /// use tower_telegram::webhook::registration::WebhookEnv;
    ///
    /// let settings = WebhookEnv::from_env()?;
    /// let app = axum::Router::new().route_service(&settings.axum_route()?, webhook);
    /// # let _: axum::Router = app;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When a segment of the path begins with `:` or `*`. axum panics at such a route, because in its older versions
    /// that was a pattern. The error names `WEBHOOK_URL`, and doesn't show it.
    pub fn axum_route(&self) -> Result<String, EnvError> {
        let mut segments = self.path.split('/');
        if segments.any(|segment| segment.starts_with([':', '*'])) {
            return Err(EnvError::not_an_axum_route(URL));
        }
        Ok(self.path.replace('{', "{{").replace('}', "}}"))
    }

    /// The host of the URL, without the port. An IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The secret token for [`Webhook::new`](crate::webhook::Webhook::new).
    pub fn secret(&self) -> SecretToken {
        self.secret.clone()
    }

    /// The address to listen on, such as `127.0.0.1:8080`.
    pub fn listen(&self) -> &str {
        &self.listen
    }

    /// The call that sets this webhook, with everything else at its default.
    ///
    /// The URL has a [fingerprint](SetWebhook::with_fingerprint) of the secret token under the bot's token, so that
    /// [`ensure_webhook`](crate::Client::ensure_webhook) finds that the secret token has changed. With a
    /// `TELEGRAM_API_URL` other than Telegram's, it may be a URL that only a
    /// [local server](SetWebhook::for_local_server) takes.
    pub fn set_webhook(&self) -> SetWebhook {
        self.unsigned().with_fingerprint(self.key())
    }

    /// As [`set_webhook`](Self::set_webhook), with a self-signed certificate in PEM for Telegram to trust. The
    /// fingerprint is that of both.
    pub fn set_webhook_with_certificate(&self, certificate: InputFile) -> SetWebhook {
        let wanted = self.unsigned().certificate(certificate);
        wanted.with_fingerprint(self.key())
    }

    fn unsigned(&self) -> SetWebhook {
        let wanted = SetWebhook::new(self.url.as_str()).secret_token(self.secret.clone());
        if self.is_local {
            wanted.for_local_server()
        } else {
            wanted
        }
    }

    fn key(&self) -> &[u8] {
        self.token.expose().as_bytes()
    }
}

/// Whether it has a host and a port, or is the path of a Unix socket after `unix:`.
fn is_address(listen: &str) -> bool {
    if let Some(path) = listen.strip_prefix("unix:") {
        return !path.is_empty();
    }
    let parts = listen.rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Without the token, and without the URL, which may have a password.
impl fmt::Debug for WebhookEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookEnv")
            .field("host", &self.host)
            .field("path", &self.path)
            .field("secret", &self.secret)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::env::tests::reads;

    fn read(more: &[(&str, &str)]) -> Result<WebhookEnv, EnvError> {
        let variables = [&[("TELEGRAM_BOT_TOKEN", "1:a-Secret")], more].concat();
        WebhookEnv::read(&reads(&variables))
    }

    #[test]
    fn what_is_unset_has_a_default() {
        let settings = read(&[("WEBHOOK_URL", "https://a.example:8443/c/d?e")]).unwrap();
        assert_eq!(settings.path(), "/c/d");
        assert_eq!(settings.host(), "a.example");
        assert_eq!(settings.listen(), "127.0.0.1:8080");
        assert_eq!(settings.secret().expose().len(), 64);
        for (url, host, path) in [
            ("https://a", "a", "/"),
            ("https://a?b", "a", "/"),
            ("a.example", "a.example", "/"),
            ("a.example:8443", "a.example", "/"),
            ("a.example/c", "a.example", "/c"),
            ("https://b\u{fc}cher.example/c", "b\u{fc}cher.example", "/c"),
        ] {
            let settings = read(&[("WEBHOOK_URL", url)]).unwrap();
            assert_eq!((settings.host(), settings.path()), (host, path), "{url}");
        }
    }

    #[test]
    fn a_missing_or_malformed_variable_is_named() {
        let url = ("WEBHOOK_URL", "https://a.example/c");
        for (variables, name) in [
            (&[][..], "WEBHOOK_URL"),
            (&[("WEBHOOK_URL", "/c")], "WEBHOOK_URL"),
            (&[url, ("WEBHOOK_SECRET", "!")], "WEBHOOK_SECRET"),
            (&[("WEBHOOK_URL", "https://a.example:81/c")], "WEBHOOK_URL"),
            (&[("WEBHOOK_URL", "https://192.168.0.1/c")], "WEBHOOK_URL"),
            (&[url, ("LISTEN", "8080")], "LISTEN"),
            (&[url, ("LISTEN", ":8080")], "LISTEN"),
            (&[url, ("LISTEN", "0.0.0.0:http")], "LISTEN"),
            (&[url, ("LISTEN", "unix:")], "LISTEN"),
        ] {
            let error = read(variables).unwrap_err();
            assert_eq!(error.variable(), name);
        }
        let error = WebhookEnv::read(&reads(&[url])).unwrap_err();
        assert_eq!(error.variable(), "TELEGRAM_BOT_TOKEN");
    }

    #[test]
    fn an_address_may_be_of_any_family() {
        let url = ("WEBHOOK_URL", "https://a.example/c");
        for listen in [
            "0.0.0.0:8080",
            "[::]:80",
            "localhost:1",
            "unix:/run/bot.sock",
        ] {
            let settings = read(&[url, ("LISTEN", listen)]).unwrap();
            assert_eq!(settings.listen(), listen);
        }
    }

    #[test]
    fn a_route_of_axum_is_the_path_itself_and_no_pattern() {
        let route = |path: &str| {
            let url = format!("https://a.example{path}");
            read(&[("WEBHOOK_URL", &url)]).unwrap().axum_route()
        };
        for (path, expected) in [
            ("", "/"),
            ("/123:ABC/a%20b?c", "/123:ABC/a%20b"),
            ("/{a}/b{*c}", "/{{a}}/b{{*c}}"),
            ("/{", "/{{"),
        ] {
            assert_eq!(route(path).as_deref(), Ok(expected), "{path}");
        }
        for path in ["/:a", "/*a", "/a/:b", "/a/*"] {
            let error = route(path).unwrap_err();
            assert_eq!(error.variable(), "WEBHOOK_URL");
            assert!(!error.is_missing());
            let words = "has a path that axum refuses";
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn only_a_server_of_ones_own_takes_a_local_url() {
        let check = |api_url: &str| {
            read(&[
                ("WEBHOOK_URL", "http://127.0.0.1:4711/c"),
                ("TELEGRAM_API_URL", api_url),
            ])
        };
        for url in [
            "",
            "https://api.telegram.org/",
            "https://API.telegram.org:443",
        ] {
            let refused = check(url).unwrap_err();
            assert_eq!(refused.variable(), "WEBHOOK_URL");
            let shown = format!("{refused:?}");
            assert!(shown.contains("must be https"), "{shown}");
        }
        for url in ["http://127.0.0.1:8081", "https://telegram.org"] {
            assert!(check(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn another_secret_or_certificate_is_another_url() {
        let with = |secret| {
            let url = ("WEBHOOK_URL", "https://a.example/c");
            read(&[url, ("WEBHOOK_SECRET", secret)]).unwrap()
        };
        let url = |secret| with(secret).set_webhook().url;
        assert_eq!(url("old"), url("old"));
        assert_ne!(url("old"), url("new"));
        let certificate = InputFile::bytes("certificate.pem", "PEM");
        let signed = with("old").set_webhook_with_certificate(certificate);
        assert_ne!(signed.url, url("old"));
    }

    #[test]
    fn a6_neither_token_nor_password_is_shown() {
        let settings = read(&[("WEBHOOK_URL", "https://me:a-Secret@a.example/c")]).unwrap();
        let shown = format!("{settings:?}");
        assert!(shown.contains("a.example"), "{shown}");
        assert!(!shown.contains("a-Secret"), "{shown}");
    }
}
