//! The URL of a webhook, split as Telegram splits it.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::InvalidWebhook;

/// The parts of a URL, as they stand in it.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) scheme: Option<&'a str>,
    pub(super) user_info: Option<&'a str>,
    /// An IPv6 address has its brackets.
    host: &'a str,
    port: Option<&'a str>,
    /// Path, query and fragment.
    target: &'a str,
}

/// What the host is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    Name(&'a str),
    V4(Ipv4Addr),
    V6,
}

impl<'a> Parts<'a> {
    pub(super) fn of(url: &'a str) -> Self {
        let is_scheme = |s: &str| {
            s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        };
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) if !scheme.is_empty() && is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, url),
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
            user_info,
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
            None if self.is_https() => Ok(443),
            None => Ok(80),
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                let port = digits.parse().ok().filter(|port| *port > 0);
                port.ok_or(InvalidWebhook::NotAPort)
            }
            Some(_) => Err(InvalidWebhook::NotAPort),
        }
    }

    pub(super) fn host(&self) -> Result<Host<'a>, InvalidWebhook> {
        if self.host.is_empty() {
            return Err(InvalidWebhook::NotAbsolute);
        }
        if let Some(address) = self.host.strip_prefix('[') {
            let address = address.strip_suffix(']').ok_or(InvalidWebhook::Host)?;
            let valid = address.parse::<Ipv6Addr>().is_ok();
            return if valid {
                Ok(Host::V6)
            } else {
                Err(InvalidWebhook::Host)
            };
        }
        let name = self.host.strip_suffix('.').unwrap_or(self.host);
        // Resolvers take more than dotted decimals for an address (`127.1`, `0x7f000001`), which
        // would be a way around the check of the networks.
        if name.rsplit('.').next().is_some_and(is_number) {
            return name.parse().map(Host::V4).map_err(|_| InvalidWebhook::Host);
        }
        let valid = name.split('.').all(is_label);
        if valid {
            Ok(Host::Name(name))
        } else {
            Err(InvalidWebhook::Host)
        }
    }

    /// The bytes of everything that the URL puts into a request's head.
    pub(super) fn length_in_head(&self) -> usize {
        const AUTHORIZATION: usize = "Authorization: Basic \r\n".len();
        let user_info = self.user_info.map_or(0, |user_info| {
            AUTHORIZATION + user_info.len().div_ceil(3) * 4
        });
        let port = self.port.map_or(0, |port| port.len() + 1);
        user_info + self.host.len() + port + self.path().len()
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
            && self.host.to_lowercase() == other.host.to_lowercase()
            && self.port() == other.port()
            && self.path() == other.path()
    }
}

/// Whether two webhook URLs are the same to Telegram, however they are written.
pub fn is_same_url(a: &str, b: &str) -> bool {
    if a.is_empty() || b.is_empty() {
        return a == b;
    }
    a == b || Parts::of(a).leads_where(&Parts::of(b))
}

fn is_number(label: &str) -> bool {
    let digits = label.bytes().all(|b| b.is_ascii_digit());
    let hex = label.strip_prefix("0x").or(label.strip_prefix("0X"));
    let hex = hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    !label.is_empty() && (digits || hex)
}

/// Telegram turns letters of other scripts into punycode.
fn is_label(label: &str) -> bool {
    let allowed = |c: char| (c.is_alphanumeric() && !is_lookalike(c)) || c == '-' || c == '_';
    !label.is_empty() && label.chars().all(allowed)
}

/// Whether it is turned into letters or digits of ASCII, so that an address can be written with it
/// (`①` is `1`, `Ａ` is `a`). A name that can be registered has none of these.
fn is_lookalike(c: char) -> bool {
    matches!(
        c,
        '\u{aa}' | '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{ba}' | '\u{132}' | '\u{133}' | '\u{17f}'
            | '\u{1c7}'..='\u{1cc}'
            | '\u{1f1}'..='\u{1f3}'
            | '\u{2b0}'..='\u{2b8}' | '\u{2e0}'..='\u{2e4}'
            | '\u{115f}' | '\u{1160}'
            | '\u{1d2c}'..='\u{1d6a}'
            | '\u{1d9b}'..='\u{1dbf}'
            // From superscripts and roman numerals to what is in circles.
            | '\u{2070}'..='\u{24ff}'
            | '\u{2c7c}' | '\u{2c7d}'
            | '\u{3164}'
            | '\u{3200}'..='\u{33ff}'
            | '\u{a7f1}'..='\u{a7f4}'
            | '\u{fb00}'..='\u{fb06}'
            | '\u{ff00}'..='\u{ffef}'
            | '\u{10780}'..='\u{107bf}'
            | '\u{1ccd6}'..='\u{1ccf9}'
            | '\u{1d400}'..='\u{1d7ff}'
            | '\u{1f100}'..='\u{1fbff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_in_its_common_form() {
        let host = |url: &'static str| Parts::of(url).host();
        for (url, name) in [
            ("https://bot.example", "bot.example"),
            ("https://bot.example.:443/x", "bot.example"),
            ("https://user:pass@a.b?c", "a.b"),
            ("https://бот.рф/x", "бот.рф"),
            ("https://1a.example", "1a.example"),
            ("https://0x1.0x7fs", "0x1.0x7fs"),
            ("https://hawai\u{2bb}i.例え", "hawai\u{2bb}i.例え"),
        ] {
            assert_eq!(host(url), Ok(Host::Name(name)), "{url}");
        }
        assert_eq!(
            host("https://8.8.8.8:443/"),
            Ok(Host::V4(Ipv4Addr::new(8, 8, 8, 8)))
        );
        assert_eq!(
            host("https://8.8.8.8./"),
            Ok(Host::V4(Ipv4Addr::new(8, 8, 8, 8)))
        );
        assert_eq!(host("https://[::1]:7/"), Ok(Host::V6));
        for url in [
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://127.0.0.0X1/",
            "https://127.0.0.0x/",
            "https://0177.0.0.1/",
            "https://1.2.3.256/",
            "https://a..b/",
            "https://./",
            "https://a%2eb/",
            "https://a,b/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[1.2.3.4]/",
            // Digits and letters that are turned into those of ASCII.
            "https://127.0.0.\u{2460}/",
            "https://\u{ff11}\u{ff12}\u{ff17}.0.0.\u{ff11}/",
            "https://192.168.\u{1d7ce}.\u{b9}/",
            "https://\u{24db}ocalhost/",
            "https://loca\u{2e1}host/",
        ] {
            assert_eq!(host(url), Err(InvalidWebhook::Host), "{url}");
        }
        for url in ["https://", "https:///x", "https://:443/", "https://a@/"] {
            assert_eq!(host(url), Err(InvalidWebhook::NotAbsolute), "{url}");
        }
    }

    #[test]
    fn urls_are_the_same_however_they_are_written() {
        for (a, b) in [
            ("https://a.b", "https://a.b/"),
            ("HTTPS://A.b:443/x", "https://a.B/x"),
            ("a.b/x?y", "https://a.b/x?y"),
            ("http://a.b:80?y", "http://a.b/?y"),
            ("https://[::AB]/", "https://[::ab]:443"),
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
