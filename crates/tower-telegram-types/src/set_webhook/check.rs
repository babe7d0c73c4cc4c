//! `SetWebhook::check`, which finds the settings that Telegram would refuse before anything is sent.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    InvalidWebhook, certificate,
    host::{Host, check_public_name},
    url::Parts,
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
    // Multicast, reserved addresses, and broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The most that Telegram's own servers take, and that a server in local mode does.
const MAX_CONNECTIONS: i64 = 100;
const MAX_CONNECTIONS_LOCAL: i64 = 100_000;

/// The most bytes of a request's head: Telegram builds it in 4096, of which it keeps some in reserve.
const MAX_HEAD: usize = 4068;

/// A request's head without the parts that come from the URL and the secret token.
const HEAD: &str = "POST  HTTP/1.1\r\nHost: \r\nContent-Type: application/json\r\n\
    Content-Length: 524288\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n";
const SECRET_TOKEN_LINE: &str = "X-Telegram-Bot-Api-Secret-Token: \r\n";

impl SetWebhook {
    /// The same for a [Bot API server](https://core.telegram.org/bots/api#using-a-local-bot-api-server)
    /// in local mode, which takes `http`, any port, any address and any name of a host, and up to
    /// 100 000 connections. It changes what [`check`](Self::check) refuses, and nothing that is sent.
    pub fn for_local_server(mut self) -> Self {
        self.is_for_local_server = true;
        self
    }

    /// Finds settings that the server would refuse, and those that can't work. A client does so before it sends the
    /// method ([`Method::validate`](crate::Method::validate)).
    ///
    /// A refused `setWebhook` may leave the bot with no webhook at all: the old one is erased before
    /// the new one is looked at. Whether the host's name leads to a public address, only Telegram
    /// finds out.
    ///
    /// A URL without a scheme is an `https` one. A user name and password in it are sent with each
    /// request as `Authorization: Basic`, and not percent-decoded before: choose them without
    /// characters that need it. Letters outside ASCII in the host are sent in punycode; they must be
    /// in lower case.
    ///
    /// A certificate that is given as a path is read from there, which blocks for as long as the
    /// disk takes.
    ///
    /// # Errors
    ///
    /// When the URL isn't an `https` URL on port 443, 80, 88 or 8443 of a public host, or has a
    /// fragment; the head of a request to it would exceed 4068 bytes; `ip_address` isn't a public
    /// IPv4 address; `max_connections` isn't from 1 to 100; or the certificate isn't an uploaded PEM
    /// of at most 3 MiB, isn't an X.509 certificate, or has an RSA key of fewer than 1000 bits. A certificate
    /// authority's own certificate and any signature algorithm are accepted, because Telegram accepts them of
    /// a certificate that is self-signed. The content of a reader isn't checked before it is sent.
    ///
    /// With a certificate and an `ip_address` the host may have any name, because Telegram neither
    /// looks it up nor asks an authority about it. A server in local mode takes more: see
    /// [`for_local_server`](Self::for_local_server).
    pub fn check(&self) -> Result<(), InvalidWebhook> {
        let url = self.check_shape()?;
        if self.is_for_local_server {
            self.check_max_connections(MAX_CONNECTIONS_LOCAL)
        } else {
            self.check_public(&url)?;
            self.check_max_connections(MAX_CONNECTIONS)
        }
    }

    /// The checks for every server.
    fn check_shape(&self) -> Result<Parts<'_>, InvalidWebhook> {
        if self.url.is_empty() {
            return Err(InvalidWebhook::NoUrl);
        }
        if let Some(at) = must_be_encoded(&self.url) {
            return Err(InvalidWebhook::Character { at });
        }
        let url = Parts::of(&self.url);
        if !url.is_https() {
            if !self.is_for_local_server {
                return Err(InvalidWebhook::NotHttps);
            }
            if !url.is_http() {
                return Err(InvalidWebhook::NotHttp);
            }
        }
        if url.has_fragment() {
            return Err(InvalidWebhook::Fragment);
        }
        url.host()?;
        url.port()?;
        url.check_user_info()?;
        let secret = self.secret_token.as_ref();
        let secret = secret.map_or(0, |s| SECRET_TOKEN_LINE.len() + s.expose().len());
        let length = HEAD.len() + url.length_in_head() + secret;
        if length > MAX_HEAD {
            return Err(InvalidWebhook::HeadTooLong { length });
        }
        self.fixed_address()?;
        self.certificate
            .as_ref()
            .map_or(Ok(()), certificate::check)?;
        Ok(url)
    }

    /// The further checks for Telegram's own servers.
    fn check_public(&self, url: &Parts<'_>) -> Result<(), InvalidWebhook> {
        let is_looked_up = self.ip_address.is_none() || self.certificate.is_none();
        if is_looked_up {
            check_public_host(&url.host()?)?;
        }
        let port = url.port()?;
        if !PORTS.contains(&port) {
            return Err(InvalidWebhook::Port { port });
        }
        match self.fixed_address()? {
            Some(IpAddr::V4(address)) => check_public_address(address),
            Some(IpAddr::V6(_)) => Err(InvalidWebhook::Ipv6),
            None => Ok(()),
        }
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

/// The position of the first character that must be percent-encoded. In the host, letters of other scripts are
/// allowed, because they are sent in punycode.
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
        Host::V4(address) => check_public_address(*address),
        Host::V6 => Err(InvalidWebhook::Ipv6),
        Host::Name(name) => check_public_name(name),
    }
}

fn check_public_address(address: Ipv4Addr) -> Result<(), InvalidWebhook> {
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
        SetWebhook::new(url).for_local_server().check()
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
    fn g7_a_url_that_telegram_accepts_is_accepted() {
        for url in [
            "bot.example/x",
            "bot.example:8443",
            "HTTPS://bot.example/",
            "hTTps://BOT.EXAMPLE/",
            "https://ada:pass@bot.example/",
            "https://ada:p%40ss%3A@bot.example/",
            "https://ada@bot.example/",
            "https://@bot.example/",
            "https://ключ:пароль@bot.example/",
            "https://bot.example:00443/",
            "https://бот.рф/",
            "https://例え.jp/",
            "https://xn--90a0am.xn--p1ai/",
            "https://\u{1f4a9}.la/",
            "https://bot.\u{1f916}.ws/",
            "https://i\u{2764}.ws/",
            "https://bücher.example/",
            "https://under_score.example/",
        ] {
            assert_eq!(checked(url), Ok(()), "{url}");
            assert_eq!(checked_local(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn g8_a_name_that_leads_nowhere_is_refused() {
        use InvalidWebhook::*;
        let label = |length: usize| "a".repeat(length);
        let long = |last: usize| [label(63), label(63), label(63), label(last)].join(".");
        assert_eq!(checked(&format!("https://{}.example/", label(63))), Ok(()));
        assert_eq!(checked(&format!("https://{}/", long(61))), Ok(()));
        assert_eq!(checked(&format!("https://{}./", long(61))), Ok(()));
        for (url, reason) in [
            (
                format!("https://{}.example/", label(64)),
                LabelTooLong { length: 64 },
            ),
            (
                format!("https://{}/", long(62)),
                HostTooLong { length: 254 },
            ),
            // 4 of `xn--`, and more digits than there were letters.
            (
                format!("https://{}.рф/", "ж".repeat(62)),
                LabelTooLong { length: 68 },
            ),
            ("https://a..example/".into(), Host),
            ("https://.example.com/".into(), Host),
            ("https://bot.example../".into(), Host),
            ("https://-bot.example/".into(), Host),
            ("https://bot-.example/".into(), Host),
            ("https://bot.123/".into(), Host),
            ("https://8.8.8/".into(), Host),
            ("https://8.8.8.8./".into(), Host),
            ("https://bot.0x1f/".into(), Host),
            // Telegram turns these into punycode as they are, which leads nowhere.
            ("https://БОТ.рф/".into(), Host),
            ("https://i\u{2764}\u{fe0f}.ws/".into(), Host),
            ("https://bot\u{3002}example/".into(), Host),
            ("https://bot\u{ad}.example/".into(), Host),
        ] {
            assert_eq!(checked(&url), Err(reason), "{url}");
            assert_eq!(checked_local(&url), Err(reason), "{url}");
        }
        for name in ["bot", "бот", "bot.", "com"] {
            let url = format!("https://{name}/");
            assert_eq!(checked(&url), Err(SingleLabel), "{url}");
            assert_eq!(checked_local(&url), Ok(()), "{url}");
        }
        for suffix in [
            "local",
            "internal",
            "invalid",
            "test",
            "onion",
            "alt",
            "lan",
            "home",
            "corp",
            "intranet",
            "private",
            "localdomain",
            "home.arpa",
        ] {
            for url in [
                format!("https://bot.{suffix}/"),
                format!("https://a.bot.{}.:8443/x", suffix.to_uppercase()),
                format!("bot.{suffix}"),
            ] {
                assert_eq!(checked(&url), Err(ReservedName { suffix }), "{url}");
                assert_eq!(checked_local(&url), Ok(()), "{url}");
            }
        }
        for url in [
            "https://local.example/",
            "https://mylocal.host/",
            "https://a.test.dev/",
        ] {
            assert_eq!(checked(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn g8_a_host_that_is_never_looked_up_may_have_any_name() {
        let pem = crate::set_webhook::CERTIFICATE;
        let pem = crate::types::InputFile::bytes("bot.pem", pem);
        for url in ["https://bot.internal/", "https://bot/", "https://10.0.0.1/"] {
            let settings = SetWebhook::new(url).certificate(pem.clone());
            assert!(settings.check().is_err(), "{url}");
            assert_eq!(settings.ip_address("8.8.8.8").check(), Ok(()), "{url}");
            // No authority signs such a name.
            let without = SetWebhook::new(url).ip_address("8.8.8.8");
            assert!(without.check().is_err(), "{url}");
        }
    }

    #[test]
    fn g1_a_url_that_no_server_accepts_is_refused_by_both_checks() {
        use InvalidWebhook::*;
        for (url, reason) in [
            ("", NoUrl),
            ("/x", NotAbsolute),
            ("https:/bot.example", NotAPort),
            ("https://ada@pass@bot.example/", UserInfo),
            ("https://ada:p%4@bot.example/", UserInfo),
            ("https://ada:pa[ss@bot.example/", UserInfo),
            ("https://", NotAbsolute),
            ("https:///x", NotAbsolute),
            ("https://bot.example/x#y", Fragment),
            ("https://bot.example#", Fragment),
            ("https://bot.example/a b", Character { at: 21 }),
            ("https://bot.example/a\n", Character { at: 21 }),
            ("https://bot.example/\u{a0}", Character { at: 20 }),
            ("https://bot.example/ж", Character { at: 20 }),
            (" https://bot.example/", Character { at: 0 }),
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
    fn g1_a_url_that_only_a_local_server_accepts_is_refused_by_the_strict_check() {
        use InvalidWebhook::*;
        let reserved = |a, b, c, d| ReservedAddress {
            address: Ipv4Addr::new(a, b, c, d),
        };
        for (url, reason) in [
            ("http://bot.example/", NotHttps),
            ("http://bot.example:443/", NotHttps),
            ("https://bot.example:8080/", Port { port: 8080 }),
            ("https://bot.example:44300/", Port { port: 44300 }),
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
            assert_eq!(check_public_address(address.into()), Ok(()), "{address:?}");
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
            assert_eq!(set(address).for_local_server().check(), local, "{address}");
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
            assert_eq!(set(given).for_local_server().check(), local, "{given}");
        }
    }

    /// The longest path after the slash with which an update is sent, after a prefix of the URL.
    fn longest_path(before: &str, secret: Option<&str>) -> usize {
        let secret = secret.map(|secret| SecretToken::new(secret).unwrap());
        let fits = |length: usize| {
            let mut settings = SetWebhook::new(format!("{before}/{}", "x".repeat(length)));
            settings.secret_token.clone_from(&secret);
            let checked = settings.check();
            assert_eq!(settings.for_local_server().check(), checked);
            match checked {
                Ok(()) => true,
                Err(InvalidWebhook::HeadTooLong { length }) => {
                    assert!(length > 4068);
                    false
                }
                Err(other) => panic!("{other}"),
            }
        };
        let longest = (3600..4000).take_while(|length| fits(*length)).last();
        longest.unwrap()
    }

    #[test]
    fn g6_the_whole_head_of_a_request_fits_4068_bytes() {
        assert_eq!(longest_path("https://bot.example.com", None), 3914);
        let secret = "s".repeat(256);
        assert_eq!(
            longest_path("https://bot.example.com", Some(&secret)),
            3914 - 291
        );
        // The default port isn't sent, another one is.
        assert_eq!(longest_path("https://bot.example.com:443", None), 3914);
        assert_eq!(longest_path("https://bot.example.com:0443", None), 3914);
        assert_eq!(longest_path("https://bot.example.com:8443", None), 3914 - 5);
        assert_eq!(longest_path("bot.example.com", None), 3914);
        // `Authorization: Basic ` with the base64 of the user info.
        let line = "Authorization: Basic YWRhOnBhc3M=\r\n".len();
        assert_eq!(
            longest_path("https://ada:pass@bot.example.com", None),
            3914 - line
        );
        assert_eq!(longest_path("https://@bot.example.com", None), 3914);
        // `xn--90a0am.xn--p1ai` has 4 bytes more than the first, and `бот.рф` 4 less.
        assert_eq!(longest_path("https://бот.рф", None), 3914 - 4);
        assert_eq!(longest_path("https://xn--90a0am.xn--p1ai", None), 3914 - 4);
    }

    /// Each part of the URL counts as it is sent, wherever it is.
    #[test]
    fn g6_a_part_of_the_url_counts_as_it_is_sent() {
        let fits = |start: &str, length: usize, secret: &str| {
            let end = "x".repeat(length - start.len());
            let mut settings = SetWebhook::new(format!("{start}{end}"));
            if !secret.is_empty() {
                settings = settings.secret_token(SecretToken::new(secret).unwrap());
            }
            settings.for_local_server().check() == Ok(())
        };
        // The longest URL of this host, without a secret.
        let all = "https://bot.example.com/".len() + 3914;
        for (start, longest, secret) in [
            ("https://bot.example.com/?a=", all, ""),
            // Sent as `/?a=`.
            ("https://bot.example.com?a=", all - 1, ""),
            ("https://bot.example.com/%20%D0%B6", all, ""),
            ("https://BOT.EXAMPLE.COM/", all, ""),
            // The name with its dot.
            ("https://bot.example.com./", all, ""),
            ("https://149.154.167.220/", all, ""),
            // Each scheme has a default port of its own.
            ("http://bot.example.com/", all - 1, ""),
            ("http://bot.example.com:80/", all - 1 + 3, ""),
            ("http://bot.example.com:443/", all - 1, ""),
            ("https://bot.example.com:80/", all, ""),
            ("https://bot.example.com:00080/", all + 3, ""),
            ("http://[2001:db8::1]:8081/", all - 1, ""),
            ("https://bot.example.com/", all - 36, "s"),
            ("https://bot.example.com/", all - 291, &"s".repeat(256)),
            // 5 bytes are 8 of base64, with 23 around them; the `@` isn't sent.
            ("https://ж:ж@bot.example.com/", all - 31 + 6, ""),
            // `xn--90a0am.xn--p1ai` has 19 bytes, the name as it is 11.
            ("https://бот.рф:8443/", all - 8, ""),
        ] {
            assert!(fits(start, longest, secret), "{start} {longest}");
            assert!(!fits(start, longest + 1, secret), "{start} {longest}");
        }
    }

    #[test]
    fn a_refusal_shows_neither_password_nor_path() {
        for url in [
            "https://ada:swordfish%@bot.example/",
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
