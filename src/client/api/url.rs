//! The URLs of calls. They contain the token, so `Debug` leaves them out.

use std::{borrow::Cow, fmt, sync::OnceLock};

use http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    base_url::{BaseUrl, InvalidBaseUrl},
    download,
};
use crate::client::{BotToken, Error};

/// The host of Telegram's own servers, as in [`TELEGRAM_API_URL`](crate::client::TELEGRAM_API_URL).
const TELEGRAM_HOST: &str = "api.telegram.org";

/// The number of methods whose URLs are cached. Few bots call more.
const CACHE_SIZE: usize = 16;

/// The URLs of the first methods that were called. An entry is never replaced.
type UrlCache = [OnceLock<(&'static str, Uri)>; CACHE_SIZE];

/// A server and the token with which its methods are called.
#[derive(Clone)]
pub(super) struct ApiUrl {
    base: BaseUrl,
    is_own_server: bool,
    token: BotToken,
    test_environment: bool,
    made: UrlCache,
}

fn is_own_server(base: &BaseUrl) -> bool {
    !base.host().eq_ignore_ascii_case(TELEGRAM_HOST)
}

/// Whether calls to this base URL go to a server other than Telegram's.
pub(in crate::client) fn leads_to_own_server(base_url: &str) -> Result<bool, InvalidBaseUrl> {
    BaseUrl::parse(base_url).map(|base| is_own_server(&base))
}

impl ApiUrl {
    pub(super) fn new(base_url: &str, token: &BotToken) -> Result<Self, InvalidBaseUrl> {
        Ok(Self::at(BaseUrl::parse(base_url)?, token))
    }

    /// Telegram's own servers.
    pub(super) fn telegram(token: &BotToken) -> Self {
        Self::at(BaseUrl::https(TELEGRAM_HOST), token)
    }

    fn at(base: BaseUrl, token: &BotToken) -> Self {
        Self {
            is_own_server: is_own_server(&base),
            base,
            token: token.clone(),
            test_environment: false,
            made: UrlCache::default(),
        }
    }

    /// Replaces the base URL. The environment stays as it was.
    pub(super) fn set_base(&mut self, other: Self) {
        self.base = other.base;
        self.is_own_server = other.is_own_server;
        self.made = UrlCache::default();
    }

    /// Whether it is a server of one's own.
    pub(super) fn is_own_server(&self) -> bool {
        self.is_own_server
    }

    pub(super) fn host(&self) -> &str {
        self.base.host()
    }

    /// The path of a call with `{token}` in the place of the token, as OpenTelemetry's `url.template`.
    pub(super) fn template(&self, method: &str) -> String {
        let environment = if self.test_environment { "test/" } else { "" };
        let (prefix, name) = match method {
            download::METHOD => ("/file/bot", "{file_path}"),
            method => ("/bot", method),
        };
        let folder = self.base.path();
        format!("{folder}{prefix}{{token}}/{environment}{name}")
    }

    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.base.authorization()
    }

    pub(super) fn set_test_environment(&mut self) {
        self.test_environment = true;
        self.made = UrlCache::default();
    }

    pub(super) fn token(&self) -> &BotToken {
        &self.token
    }

    pub(super) fn method(&self, name: Cow<'static, str>) -> Result<Uri, Error> {
        match name {
            Cow::Borrowed(name) => self.cached(name),
            // There may be any number of these names.
            Cow::Owned(name) => self.uri("/bot", &name),
        }
    }

    fn cached(&self, name: &'static str) -> Result<Uri, Error> {
        for entry in &self.made {
            let (known, uri) = if let Some(made) = entry.get() {
                made
            } else {
                let uri = self.uri("/bot", name)?;
                entry.get_or_init(|| (name, uri))
            };
            if *known == name {
                return Ok(uri.clone());
            }
        }
        self.uri("/bot", name)
    }

    /// The URL of a file with the path that getFile returns.
    pub(super) fn file(&self, path: &str) -> Result<Uri, Error> {
        self.uri("/file/bot", &escaped(path))
    }

    fn uri(&self, prefix: &str, name: &str) -> Result<Uri, Error> {
        let environment = if self.test_environment { "test/" } else { "" };
        let token = self.token.expose();
        self.base.join(&[prefix, token, "/", environment, name])
    }
}

/// Escapes a path for a URL.
pub(super) fn escaped(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}

/// All characters except slashes and those that need no escaping in a path (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

impl fmt::Debug for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiUrl")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> BotToken {
        BotToken::new("1:a").unwrap()
    }

    #[test]
    fn telegrams_own_servers_have_the_url_of_the_constant() {
        let short = ApiUrl::telegram(&token()).method("getMe".into()).unwrap();
        let long = ApiUrl::new(crate::client::TELEGRAM_API_URL, &token()).unwrap();
        assert_eq!(short, long.method("getMe".into()).unwrap());
    }

    #[test]
    fn f9_methods_and_files_have_their_urls_in_both_environments() {
        let mut address = ApiUrl::new("http://localhost:1/", &token()).unwrap();
        let method = |address: &ApiUrl| address.method("getMe".into()).unwrap().to_string();
        let file = |address: &ApiUrl| address.file("a b/ü.jpg").unwrap().to_string();
        assert_eq!(method(&address), "http://localhost:1/bot1:a/getMe");
        assert_eq!(
            file(&address),
            "http://localhost:1/file/bot1:a/a%20b/%C3%BC.jpg"
        );
        address.set_test_environment();
        assert_eq!(method(&address), "http://localhost:1/bot1:a/test/getMe");
        assert_eq!(
            file(&address),
            "http://localhost:1/file/bot1:a/test/a%20b/%C3%BC.jpg"
        );
        let behind = ApiUrl::new("https://a/proxy/", &token()).unwrap();
        assert_eq!(method(&behind), "https://a/proxy/bot1:a/getMe");
    }

    #[test]
    fn urls_are_cached_for_some_methods_and_right_for_all() {
        const NAMES: [&str; 20] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
            "r", "s", "t",
        ];
        let address = ApiUrl::new("http://localhost:1", &token()).unwrap();
        let names = || NAMES.iter().map(|name| Cow::Borrowed(*name));
        let others = ["a", "z"].map(|name| Cow::Owned(name.to_owned()));
        for name in names().chain(others).chain(names()) {
            let expected = format!("http://localhost:1/bot1:a/{name}");
            assert_eq!(address.method(name).unwrap(), expected.as_str());
        }
        let kept = address.made.iter().filter_map(OnceLock::get);
        assert!(
            kept.map(|(name, _)| *name)
                .eq(NAMES[..CACHE_SIZE].iter().copied())
        );
    }
}
