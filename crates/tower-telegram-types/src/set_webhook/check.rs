//! What Telegram would refuse, refused before anything is sent.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    InvalidWebhook, LocalSetWebhook, certificate,
    url::{Host, Parts},
};
use crate::methods::SetWebhook;

/// The ports to which Telegram's own servers send.
const PORTS: [u16; 4] = [443, 80, 88, 8443];

/// The networks that aren't public: to these Telegram's own servers don't send.
const RESERVED: [(Ipv4Addr, u32); 14] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, what is kept for the future, and broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The most that Telegram's own servers take, and that a server in local mode does.
const MAX_CONNECTIONS: i64 = 100;
const MAX_CONNECTIONS_LOCAL: i64 = 100_000;

/// What a request's head must stay below.
const MAX_HEAD: usize = 4096;

/// A request's head but for what the URL and the secret token put into it.
const HEAD: &str = "POST  HTTP/1.1\r\nHost: \r\nContent-Type: application/json\r\n\
    Content-Length: 524288\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n";
const SECRET_TOKEN_LINE: &str = "X-Telegram-Bot-Api-Secret-Token: \r\n";

impl SetWebhook {
    /// Finds what Telegram's own servers would refuse. A client does it before it
    /// sends the method ([`Method::validate`](crate::Method::validate)).
    ///
    /// A refused `setWebhook` may leave the bot with no webhook at all: the old one is erased before
    /// the new one is looked at. Whether the host's name leads to a public address, only Telegram
    /// finds out.
    ///
    /// # Errors
    ///
    /// When the URL isn't an absolute `https` URL on port 443, 80, 88 or 8443 of a public host,
    /// without user information and fragment; `ip_address` isn't a public IPv4 address;
    /// `max_connections` isn't from 1 to 100; or the certificate isn't an uploaded PEM of at most
    /// 3 MiB. What is in a certificate can be told only where its bytes are in memory.
    pub fn check(&self) -> Result<(), InvalidWebhook> {
        let url = self.check_shape()?;
        if !url.is_https() {
            return Err(InvalidWebhook::NotHttps);
        }
        if url.user_info.is_some() {
            return Err(InvalidWebhook::UserInfo);
        }
        check_public_host(&url.host()?)?;
        let port = url.port()?;
        if !PORTS.contains(&port) {
            return Err(InvalidWebhook::Port { port });
        }
        match self.fixed_address()? {
            Some(IpAddr::V4(address)) => check_public(address)?,
            Some(IpAddr::V6(_)) => return Err(InvalidWebhook::Ipv6),
            None => {}
        }
        self.check_max_connections(MAX_CONNECTIONS)
    }

    /// Finds what even a Bot API server in local mode would refuse. It takes `http`, any port and
    /// any address, user information, and up to 100 000 connections.
    ///
    /// # Errors
    ///
    /// When the URL isn't an absolute `http` or `https` URL without a fragment; `ip_address` isn't
    /// an address; `max_connections` isn't from 1 to 100 000; or the certificate isn't an uploaded
    /// PEM of at most 3 MiB.
    pub fn check_local(&self) -> Result<(), InvalidWebhook> {
        let url = self.check_shape()?;
        if !url.is_https() && !url.is_http() {
            return Err(InvalidWebhook::NotHttp);
        }
        url.host()?;
        url.port()?;
        self.fixed_address()?;
        self.check_max_connections(MAX_CONNECTIONS_LOCAL)
    }

    /// The same for a Bot API server in local mode: checked by [`check_local`](Self::check_local)
    /// when it is sent.
    pub fn for_local_server(self) -> LocalSetWebhook {
        LocalSetWebhook::new(self)
    }

    /// What holds for every server.
    fn check_shape(&self) -> Result<Parts<'_>, InvalidWebhook> {
        if self.url.is_empty() {
            return Err(InvalidWebhook::NoUrl);
        }
        let url = Parts::of(&self.url);
        if url.scheme.is_none() {
            return Err(InvalidWebhook::NotAbsolute);
        }
        if let Some(at) = must_be_encoded(&self.url) {
            return Err(InvalidWebhook::Character { at });
        }
        if url.has_fragment() {
            return Err(InvalidWebhook::Fragment);
        }
        let secret = self.secret_token.as_ref();
        let secret = secret.map_or(0, |s| SECRET_TOKEN_LINE.len() + s.expose().len());
        let length = HEAD.len() + url.length_in_head() + secret;
        if length >= MAX_HEAD {
            return Err(InvalidWebhook::HeadTooLong { length });
        }
        self.certificate
            .as_ref()
            .map_or(Ok(()), certificate::check)?;
        Ok(url)
    }

    fn fixed_address(&self) -> Result<Option<IpAddr>, InvalidWebhook> {
        let parse = |text: &str| text.parse().map_err(|_| InvalidWebhook::IpAddress);
        self.ip_address.as_deref().map(parse).transpose()
    }

    fn check_max_connections(&self, most: i64) -> Result<(), InvalidWebhook> {
        match self.max_connections {
            Some(given) if !(1..=most).contains(&given) => {
                Err(InvalidWebhook::MaxConnections { given, most })
            }
            _ => Ok(()),
        }
    }
}

/// The first byte of what no URL has as it is. Letters of other scripts are left to the host, where
/// they have a form of their own.
fn must_be_encoded(url: &str) -> Option<usize> {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let path = url[after_scheme..].find(['/', '?', '#']);
    let path = path.map_or(url.len(), |at| after_scheme + at);
    let is_wrong = |(at, c): &(usize, char)| {
        *c <= ' ' || c.is_control() || c.is_whitespace() || (*at >= path && !c.is_ascii())
    };
    url.char_indices().find(is_wrong).map(|(at, _)| at)
}

fn check_public_host(host: &Host<'_>) -> Result<(), InvalidWebhook> {
    match host {
        Host::V4(address) => check_public(*address),
        Host::V6 => Err(InvalidWebhook::Ipv6),
        Host::Name(name) => {
            let last = name.rsplit('.').next().unwrap_or_default();
            if last.eq_ignore_ascii_case("localhost") {
                return Err(InvalidWebhook::Localhost);
            }
            Ok(())
        }
    }
}

fn check_public(address: Ipv4Addr) -> Result<(), InvalidWebhook> {
    let differ = |network: Ipv4Addr| address.to_bits() ^ network.to_bits();
    let is_in = |(network, bits): &(Ipv4Addr, u32)| differ(*network).leading_zeros() >= *bits;
    if RESERVED.iter().any(is_in) {
        return Err(InvalidWebhook::ReservedAddress { address });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretToken;

    fn checked(url: &str) -> Result<(), InvalidWebhook> {
        SetWebhook::new(url).check()
    }

    fn checked_local(url: &str) -> Result<(), InvalidWebhook> {
        SetWebhook::new(url).check_local()
    }

    #[test]
    fn g1_a_public_https_url_on_a_port_of_telegrams_is_fine() {
        for url in [
            "https://bot.example",
            "https://bot.example/",
            "https://bot.example?x",
            "HTTPS://Bot.Example:443/telegram/a-b_c?d=e%20f&g",
            "https://bot.example.:8443/",
            "https://бот.рф/x",
            "https://localhost.example/",
            "https://8.8.8.8:88/",
            "https://bot.example:80",
        ] {
            assert_eq!(checked(url), Ok(()), "{url}");
            assert_eq!(checked_local(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn g1_what_no_server_takes_is_refused_by_both_checks() {
        use InvalidWebhook::*;
        for (url, reason) in [
            ("", NoUrl),
            ("bot.example/x", NotAbsolute),
            ("/x", NotAbsolute),
            ("mailto:bot@example.com", NotAbsolute),
            ("https:/bot.example", NotAbsolute),
            ("https://", NotAbsolute),
            ("https:///x", NotAbsolute),
            ("https://bot.example/x#y", Fragment),
            ("https://bot.example#", Fragment),
            ("https://bot.example/a b", Character { at: 21 }),
            ("https://bot.example/a\n", Character { at: 21 }),
            ("https://bot.example/\u{a0}", Character { at: 20 }),
            ("https://bot.example/ж", Character { at: 20 }),
            (" https://bot.example/", NotAbsolute),
            ("https://bot .example/", Character { at: 11 }),
            ("https://bot.example:0/", NotAPort),
            ("https://bot.example:/", NotAPort),
            ("https://bot.example:65536/", NotAPort),
            ("https://bot.example:+443/", NotAPort),
            ("https://127.1/", Host),
            ("https://a..b/", Host),
        ] {
            assert_eq!(checked(url), Err(reason), "{url}");
            assert_eq!(checked_local(url), Err(reason), "{url}");
        }
    }

    #[test]
    fn g1_what_only_a_local_server_takes_is_refused_by_the_strict_check() {
        use InvalidWebhook::*;
        let reserved = |a, b, c, d| ReservedAddress {
            address: Ipv4Addr::new(a, b, c, d),
        };
        for (url, reason) in [
            ("http://bot.example/", NotHttps),
            ("http://bot.example:443/", NotHttps),
            ("https://bot.example:8080/", Port { port: 8080 }),
            ("https://bot.example:44300/", Port { port: 44300 }),
            ("https://ada:pass@bot.example/", UserInfo),
            ("https://@bot.example/", UserInfo),
            ("https://localhost/", Localhost),
            ("https://LocalHost./", Localhost),
            ("https://bot.localhost:8443/", Localhost),
            ("https://[2001:4860:4860::8888]/", Ipv6),
            ("https://[::1]/", Ipv6),
            ("https://0.0.0.0/", reserved(0, 0, 0, 0)),
            ("https://10.1.2.3/", reserved(10, 1, 2, 3)),
            ("https://100.64.0.1/", reserved(100, 64, 0, 1)),
            ("https://127.0.0.1/", reserved(127, 0, 0, 1)),
            ("https://169.254.169.254/", reserved(169, 254, 169, 254)),
            ("https://172.31.255.255/", reserved(172, 31, 255, 255)),
            ("https://192.168.0.1:8443/", reserved(192, 168, 0, 1)),
            ("https://198.19.0.1/", reserved(198, 19, 0, 1)),
            ("https://203.0.113.9/", reserved(203, 0, 113, 9)),
            ("https://224.0.0.1/", reserved(224, 0, 0, 1)),
            ("https://240.0.0.1/", reserved(240, 0, 0, 1)),
            ("https://255.255.255.255/", reserved(255, 255, 255, 255)),
        ] {
            assert_eq!(checked(url), Err(reason), "{url}");
            assert_eq!(checked_local(url), Ok(()), "{url}");
        }
        assert_eq!(checked("ftp://bot.example/"), Err(NotHttps));
        assert_eq!(checked_local("ftp://bot.example/"), Err(NotHttp));
    }

    #[test]
    fn the_neighbours_of_reserved_networks_are_public() {
        for address in [
            [1, 0, 0, 0],
            [9, 255, 255, 255],
            [11, 0, 0, 0],
            [100, 63, 255, 255],
            [100, 128, 0, 0],
            [126, 255, 255, 255],
            [128, 0, 0, 0],
            [172, 15, 255, 255],
            [172, 32, 0, 0],
            [192, 0, 1, 0],
            [192, 167, 255, 255],
            [192, 169, 0, 0],
            [198, 17, 255, 255],
            [198, 20, 0, 0],
            [223, 255, 255, 255],
        ] {
            assert_eq!(check_public(address.into()), Ok(()), "{address:?}");
        }
    }

    #[test]
    fn g1_the_fixed_address_is_a_public_ipv4_one() {
        let set = |address: &str| SetWebhook::new("https://bot.example/").ip_address(address);
        for (address, strict, local) in [
            ("8.8.8.8", Ok(()), Ok(())),
            (
                "10.0.0.1",
                Err(InvalidWebhook::ReservedAddress {
                    address: Ipv4Addr::new(10, 0, 0, 1),
                }),
                Ok(()),
            ),
            ("::1", Err(InvalidWebhook::Ipv6), Ok(())),
            (
                "8.8.8",
                Err(InvalidWebhook::IpAddress),
                Err(InvalidWebhook::IpAddress),
            ),
            (
                "",
                Err(InvalidWebhook::IpAddress),
                Err(InvalidWebhook::IpAddress),
            ),
        ] {
            assert_eq!(set(address).check(), strict, "{address}");
            assert_eq!(set(address).check_local(), local, "{address}");
        }
    }

    #[test]
    fn g1_connections_are_1_to_100_and_to_100_000_on_a_local_server() {
        let set = |given| SetWebhook::new("https://bot.example/").max_connections(given);
        let refused = |given, most| Err(InvalidWebhook::MaxConnections { given, most });
        for (given, strict, local) in [
            (1, Ok(()), Ok(())),
            (100, Ok(()), Ok(())),
            (101, refused(101, 100), Ok(())),
            (100_000, refused(100_000, 100), Ok(())),
            (100_001, refused(100_001, 100), refused(100_001, 100_000)),
            (0, refused(0, 100), refused(0, 100_000)),
            (-1, refused(-1, 100), refused(-1, 100_000)),
        ] {
            assert_eq!(set(given).check(), strict, "{given}");
            assert_eq!(set(given).check_local(), local, "{given}");
        }
    }

    #[test]
    fn g1_a_url_with_which_no_update_would_ever_be_sent_is_refused() {
        let url = |length: usize| format!("https://bot.example/{}", "x".repeat(length));
        let room = MAX_HEAD - 1 - HEAD.len() - "bot.example/".len();
        assert_eq!(checked(&url(room)), Ok(()));
        let too_long = Err(InvalidWebhook::HeadTooLong { length: MAX_HEAD });
        assert_eq!(checked(&url(room + 1)), too_long);
        let secret = SecretToken::new(&"s".repeat(256)).unwrap();
        let with_secret = |length| SetWebhook::new(url(length)).secret_token(secret.clone());
        let room = room - 256 - SECRET_TOKEN_LINE.len();
        assert_eq!(with_secret(room).check_local(), Ok(()));
        assert_eq!(with_secret(room + 1).check_local(), too_long);
    }

    #[test]
    fn a_refusal_shows_neither_password_nor_path() {
        for url in [
            "https://ada:swordfish@bot.example/",
            "ftp://ada:swordfish@bot.example/",
            "https://bot.example/swordfish#x",
            "https://bot.example:swordfish/",
            "https://bot.example/swordfish x",
        ] {
            let error = checked(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("swordfish"), "{url}");
        }
    }
}
