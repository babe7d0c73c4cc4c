//! The URL of a webhook, split as Telegram splits it.

use std::borrow::Cow;

use super::{InvalidWebhook, host::Host, punycode};

/// The parts of a URL, unchanged.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    scheme: Option<&'a str>,
    /// Not decoded: Telegram doesn't either. `None` where it is empty.
    user_info: Option<&'a str>,
    /// An IPv6 address has its brackets.
    host: &'a str,
    port: Option<&'a str>,
    /// Path, query and fragment.
    target: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn of(url: &'a str) -> Self {
        let scheme_end = url.find([':', '/', '?', '#', '@', '[', ']']);
        let scheme_end = scheme_end.filter(|at| url[*at..].starts_with("://"));
        let (scheme, rest) = match scheme_end {
            Some(at) => (Some(&url[..at]), &url[at + 3..]),
            None => (None, url),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (user_info, place) = match authority.rsplit_once('@') {
            Some((user_info, place)) => (Some(user_info), place),
            None => (None, authority),
        };
        let (host, port) = match place.rsplit_once(':') {
            // A colon inside the brackets belongs to the address.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (place, None),
        };
        Self {
            scheme,
            user_info: user_info.filter(|user_info| !user_info.is_empty()),
            host,
            port,
            target,
        }
    }

    pub(super) fn has_fragment(&self) -> bool {
        self.target.contains('#')
    }

    /// Telegram takes a URL without a scheme for an `https` one.
    pub(super) fn is_https(&self) -> bool {
        self.scheme
            .is_none_or(|scheme| scheme.eq_ignore_ascii_case("https"))
    }

    pub(super) fn is_http(&self) -> bool {
        self.scheme
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
    }

    pub(super) fn port(&self) -> Result<u16, InvalidWebhook> {
        match self.port {
            None => Ok(self.default_port()),
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                let port = digits.parse().ok().filter(|port| *port > 0);
                port.ok_or(InvalidWebhook::NotAPort)
            }
            Some(_) => Err(InvalidWebhook::NotAPort),
        }
    }

    fn default_port(&self) -> u16 {
        if self.is_https() { 443 } else { 80 }
    }

    pub(super) fn host(&self) -> Result<Host<'a>, InvalidWebhook> {
        Host::read(self.host)
    }

    pub(super) fn check_user_info(&self) -> Result<(), InvalidWebhook> {
        let is_right = self.user_info.is_none_or(is_user_info);
        is_right.then_some(()).ok_or(InvalidWebhook::UserInfo)
    }

    /// The bytes of everything that the URL puts into a request's head.
    pub(super) fn length_in_head(&self) -> usize {
        const AUTHORIZATION: usize = "Authorization: Basic \r\n".len();
        let user_info = self.user_info.map_or(0, |user_info| {
            AUTHORIZATION + user_info.len().div_ceil(3) * 4
        });
        let port = self.port().ok().filter(|port| *port != self.default_port());
        let port = port.map_or(0, |port| format!(":{port}").len());
        user_info + punycode::to_ascii(self.host).len() + port + self.path().len()
    }

    fn path(&self) -> Cow<'a, str> {
        if self.target.starts_with('/') {
            self.target.into()
        } else {
            format!("/{}", self.target).into()
        }
    }

    /// Whether requests go to the same place.
    fn leads_where(&self, other: &Self) -> bool {
        self.is_https() == other.is_https()
            && self.user_info == other.user_info
            && punycode::to_ascii(self.host) == punycode::to_ascii(other.host)
            && self.port() == other.port()
            && self.path() == other.path()
    }
}

/// The host and the path of a webhook's URL, as Telegram reads it: the host without its port, and the path
/// without the query, at least `/`. `None` if there is no host.
pub fn host_and_path(url: &str) -> Option<(String, String)> {
    let parts = Parts::of(url);
    let path = parts.path();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let host = parts.host;
    let path = if path.is_empty() { "/" } else { path };
    (!host.is_empty()).then(|| (host.to_owned(), path.to_owned()))
}

/// Whether two webhook URLs are the same to Telegram, however they are written.
pub fn is_same_url(a: &str, b: &str) -> bool {
    if a.is_empty() || b.is_empty() {
        return a == b;
    }
    a == b || Parts::of(a).leads_where(&Parts::of(b))
}

/// The URL with dots in place of a user name and password.
pub(super) fn without_user_info(url: &str) -> Cow<'_, str> {
    match Parts::of(url).user_info {
        Some(user_info) => url.replacen(&format!("{user_info}@"), "..@", 1).into(),
        None => url.into(),
    }
}

fn is_user_info(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_right = match byte {
            b'%' => {
                let mut is_digit = || bytes.next().is_some_and(|b| b.is_ascii_hexdigit());
                is_digit() && is_digit()
            }
            _ => {
                byte.is_ascii_alphanumeric()
                    || !byte.is_ascii()
                    || b".-_!$,~*'();&+=:".contains(&byte)
            }
        };
        if !is_right {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_host_is_none() {
        for url in ["https://", "https:///x", "https://:443/", "https://a@/"] {
            let host = Parts::of(url).host();
            assert_eq!(host, Err(InvalidWebhook::NotAbsolute), "{url}");
        }
    }

    #[test]
    fn urls_are_the_same_however_they_are_written() {
        for (a, b) in [
            ("https://a.b", "https://a.b/"),
            ("HTTPS://A.b:443/x", "https://a.B/x"),
            ("https://a.b:0443/x", "https://a.b/x"),
            ("a.b/x?y", "https://a.b/x?y"),
            ("http://a.b:80?y", "http://a.b/?y"),
            ("https://[::AB]/", "https://[::ab]:443"),
            ("https://@a.b/", "https://a.b/"),
            ("https://бот.рф/", "https://xn--90a0am.xn--p1ai/"),
            ("", ""),
        ] {
            assert!(is_same_url(a, b) && is_same_url(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("", "/"),
            ("", "https://a.b"),
            ("https://a.b/", "http://a.b/"),
            ("https://a.b/x", "https://a.b/X"),
            ("https://a.b/x", "https://a.b/x/"),
            ("https://a.b/", "https://a.b:8443/"),
            ("https://a.b/", "https://u@a.b/"),
            ("https://a.b/?x", "https://a.b/"),
            ("https://a.b/", "https://a.b.c/"),
        ] {
            assert!(!is_same_url(a, b) && !is_same_url(b, a), "{a} {b}");
        }
    }
}
