//! Parser of webhook URLs, with the server's rules.
//!
//! `tower-telegram` has another parser, with which it checks a URL before `setWebhook`. They share no code,
//! because the tests of one run against the other.

use super::punycode;

/// The parts of a webhook URL that decide where a request goes and what its head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebhookUrl {
    pub(crate) https: bool,
    /// The part before the `@`, not decoded; empty if there is none.
    pub(crate) userinfo: String,
    /// Lower case and in punycode. An IPv6 address keeps its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path, query and, like the server sends it, the fragment.
    pub(crate) target: String,
}

impl WebhookUrl {
    /// Parses `[http[s]://][userinfo@]host[:port][/path…]`. Without a scheme it is `https`.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let scheme_end = url
            .find([':', '/', '?', '#', '@', '[', ']'])
            .unwrap_or(url.len());
        let (https, rest) = match url[scheme_end..].strip_prefix("://") {
            Some(rest) if url[..scheme_end].eq_ignore_ascii_case("http") => (false, rest),
            Some(rest) if url[..scheme_end].eq_ignore_ascii_case("https") => (true, rest),
            Some(_) => return None,
            None => (true, url),
        };
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));

        let colon = authority
            .rfind([':', ']', '@'])
            .filter(|&at| at > 0 && authority[at..].starts_with(':'));
        let (authority, port) = match colon {
            Some(at) => (
                &authority[..at],
                authority[at + 1..]
                    .parse::<u16>()
                    .ok()
                    .filter(|&port| port > 0)?,
            ),
            None => (authority, if https { 443 } else { 80 }),
        };
        let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = punycode::host(&host.to_ascii_lowercase());
        let valid = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host != "." && is_allowed(&host, false),
        };
        if !valid || !is_allowed(userinfo, true) {
            return None;
        }
        Some(Self {
            https,
            userinfo: userinfo.to_owned(),
            host,
            port,
            target: request_target(target),
        })
    }

    /// The value of the `Host` header.
    pub(crate) fn host_header(&self) -> String {
        if self.port == if self.https { 443 } else { 80 } {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The host without the brackets of an IPv6 address, as needed for DNS.
    pub(crate) fn host_name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// Whether a part of the URL has only characters that the server accepts there.
fn is_allowed(part: &str, allow_colon: bool) -> bool {
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        let fine = match byte {
            b'%' => {
                bytes.next().is_some_and(|b| b.is_ascii_hexdigit())
                    && bytes.next().is_some_and(|b| b.is_ascii_hexdigit())
            }
            b':' => allow_colon,
            _ => {
                !byte.is_ascii()
                    || byte.is_ascii_alphanumeric()
                    || b".-_!$,~*'();&+=".contains(&byte)
            }
        };
        if !fine {
            return false;
        }
    }
    true
}

/// The target of the request line: the path starts with a slash, and other characters are escaped.
fn request_target(target: &str) -> String {
    let target = target.trim_end_matches([' ', '\t', '\r', '\n', '\0', '\x0b']);
    let slash = if target.starts_with('/') { "" } else { "/" };
    let escaped = target.chars().map(|c| match c {
        '\0'..=' ' => format!("%{:02X}", u32::from(c)),
        c => c.to_string(),
    });
    slash.to_owned() + &escaped.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    type UrlParts = (bool, String, String, String);

    fn parts(url: &str) -> Option<UrlParts> {
        let url = WebhookUrl::parse(url)?;
        Some((
            url.https,
            url.userinfo.clone(),
            url.host_header(),
            url.target,
        ))
    }

    fn is(https: bool, userinfo: &str, host: &str, target: &str) -> UrlParts {
        (https, userinfo.into(), host.into(), target.into())
    }

    #[test]
    fn urls_are_read_as_the_server_reads_them() {
        assert_eq!(
            parts("http://127.0.0.1:8080/x?y=1#z"),
            Some(is(false, "", "127.0.0.1:8080", "/x?y=1#z"))
        );
        assert_eq!(
            parts("example.com/x"),
            Some(is(true, "", "example.com", "/x"))
        );
        assert_eq!(
            parts("HTTP://Example.COM:80"),
            Some(is(false, "", "example.com", "/"))
        );
        assert_eq!(
            parts("https://a:b@example.com:8443?q"),
            Some(is(true, "a:b", "example.com:8443", "/?q"))
        );
        assert_eq!(
            parts("http://[::1]:7/"),
            Some(is(false, "", "[::1]:7", "/"))
        );
        assert_eq!(parts("http://[::1]"), Some(is(false, "", "[::1]", "/")));
        assert_eq!(
            parts("https://Бот.рф:8443/ж"),
            Some(is(true, "", "xn--d0a4gm.xn--p1ai:8443", "/ж"))
        );
        assert_eq!(parts("http://h/a b \t"), Some(is(false, "", "h", "/a%20b")));
    }

    #[test]
    fn a_text_that_is_no_url_is_refused() {
        for url in [
            "",
            "http://",
            "ftp://h/",
            "http://h:0/",
            "http://h:70000/",
            "http://h:x/",
            "http://[::1",
            "http://a b/",
            "http://h%zz/",
            "http://u%4@h/",
        ] {
            assert_eq!(parts(url), None, "{url}");
        }
    }
}
