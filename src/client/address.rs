//! Where calls go. It holds the token, so it never prints itself.

use std::{error, fmt, fmt::Write as _, sync::Arc};

use http::Uri;

use super::{BotToken, Error};

/// Up to the path of a call.
#[derive(Clone)]
pub(super) struct Address {
    base: Arc<str>,
    token: BotToken,
    test_environment: bool,
}

impl Address {
    pub(super) fn new(base_url: &str, token: &BotToken) -> Result<Self, InvalidBaseUrl> {
        let base = base_url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| InvalidBaseUrl)?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        // A fragment is lost in parsing, and the rest of each address would be part of it.
        let more = uri.query().is_some() || base.contains('#');
        if !known || uri.host().is_none_or(str::is_empty) || more {
            return Err(InvalidBaseUrl);
        }
        Ok(Self::trusted(base, token))
    }

    pub(super) fn trusted(base: &str, token: &BotToken) -> Self {
        Self {
            base: base.into(),
            token: token.clone(),
            test_environment: false,
        }
    }

    /// The environment stays as it was.
    pub(super) fn set_base(&mut self, other: Self) {
        self.base = other.base;
    }

    pub(super) fn set_test_environment(&mut self) {
        self.test_environment = true;
    }

    pub(super) fn method(&self, name: &str) -> Result<Uri, Error> {
        self.uri("/bot", name)
    }

    /// A file by the path that getFile gives.
    pub(super) fn file(&self, path: &str) -> Result<Uri, Error> {
        self.uri("/file/bot", &percent_encode(path))
    }

    fn uri(&self, prefix: &str, name: &str) -> Result<Uri, Error> {
        let environment = if self.test_environment { "test/" } else { "" };
        let text = [
            &*self.base,
            prefix,
            self.token.expose(),
            "/",
            environment,
            name,
        ]
        .concat();
        // The error would hold the address, and with it the token.
        Uri::try_from(text).map_err(|_| Error::encode("a name that doesn't fit a URI"))
    }
}

/// What may stand in a path as it is, and its slashes, stay; the rest is escaped.
fn percent_encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            // Writing to a String doesn't fail.
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// A base URL that can't be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidBaseUrl;

impl fmt::Display for InvalidBaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the base url of the bot api must be an absolute http or https url")
    }
}

impl error::Error for InvalidBaseUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> BotToken {
        BotToken::new("1:a").unwrap()
    }

    #[test]
    fn only_absolute_http_urls_are_bases() {
        for bad in [
            "",
            "api.telegram.org",
            "/x",
            "ftp://a",
            "http://",
            "http://a?b=c",
            "http://a#b",
            "http://a/#",
        ] {
            assert!(Address::new(bad, &token()).is_err(), "{bad}");
        }
    }

    #[test]
    fn f9_methods_and_files_have_their_places_in_both_environments() {
        let mut address = Address::new("http://localhost:1/", &token()).unwrap();
        let method = |address: &Address| address.method("getMe").unwrap().to_string();
        let file = |address: &Address| address.file("a b/ü.jpg").unwrap().to_string();
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
        let behind = Address::new("https://a/proxy/", &token()).unwrap();
        assert_eq!(method(&behind), "https://a/proxy/bot1:a/getMe");
    }
}
