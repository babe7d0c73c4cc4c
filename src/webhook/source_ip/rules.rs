//! The decision whether a request is accepted, by its peer's address and its headers.

use std::{
    fmt, iter,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use http::{HeaderMap, HeaderName};

use super::IpNetwork;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) networks: Vec<IpNetwork>,
    pub(super) hops: usize,
    /// The networks of the trusted hops. `None` for any.
    pub(super) proxies: Option<Vec<IpNetwork>>,
}

/// Why a request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The peer's address isn't in the extensions.
    NoPeer,
    /// The header doesn't have an address for each trusted hop.
    Forwarded,
    /// The address isn't that of a proxy.
    Proxy(IpAddr),
    /// The address isn't in the networks.
    Source(IpAddr),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPeer => f.write_str("no peer's address"),
            Self::Forwarded => f.write_str("no address in x-forwarded-for for each trusted hop"),
            Self::Proxy(address) => write!(f, "{address} isn't one of the proxies"),
            Self::Source(address) => write!(f, "{address} isn't in the networks"),
        }
    }
}

impl Rules {
    /// Checks hop after hop: the peer is the nearest, and each has written the address of the one before it.
    pub(super) fn admit(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Refusal> {
        let peer = peer.ok_or(Refusal::NoPeer)?;
        let mut hops = iter::once(Some(peer)).chain(forwarded_for(headers));
        let mut next = || hops.next().flatten().ok_or(Refusal::Forwarded);
        for _ in 0..self.hops {
            let proxy = next()?;
            let proxies = self.proxies.as_deref();
            if proxies.is_some_and(|proxies| !is_in(proxies, proxy)) {
                return Err(Refusal::Proxy(proxy));
            }
        }
        let source = next()?;
        if is_in(&self.networks, source) {
            Ok(())
        } else {
            Err(Refusal::Source(source))
        }
    }
}

fn is_in(networks: &[IpNetwork], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

/// The addresses of the header's entries, the last first: several headers count as one, and a proxy adds at the end.
/// `None` for an entry that isn't an address.
fn forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let values = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let entries = values.flat_map(|value| value.as_bytes().rsplit(|b| *b == b','));
    entries.map(|entry| address(std::str::from_utf8(entry.trim_ascii()).ok()?))
}

/// The address of an entry: by itself or with a port, one of version 6 in brackets or not. One with a zone
/// isn't an address, because it has a meaning on one machine only.
fn address(entry: &str) -> Option<IpAddr> {
    if let Ok(address) = entry.parse() {
        return Some(address);
    }
    if entry.contains('%') {
        return None;
    }
    if let Ok(address) = entry.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let inside = entry.strip_prefix('[')?.strip_suffix(']')?;
    inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TELEGRAM: &str = "149.154.167.220";
    const STRANGER: &str = "203.0.113.7";
    const PROXY: &str = "10.0.0.2";

    fn rules(hops: usize) -> Rules {
        Rules {
            networks: IpNetwork::TELEGRAM.to_vec(),
            hops,
            proxies: None,
        }
    }

    fn headers(forwarded: &[&str]) -> HeaderMap {
        let value = |text: &&str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
        let values = forwarded.iter().map(value);
        values.map(|value| (X_FORWARDED_FOR, value)).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn from(peer: &str) -> Result<(), Refusal> {
        rules(0).admit(Some(ip(peer)), &HeaderMap::new())
    }

    #[test]
    fn a7_telegrams_networks_end_where_they_end() {
        for (inside, outside) in [
            ("149.154.160.0", "149.154.159.255"),
            ("149.154.175.255", "149.154.176.0"),
            ("91.108.4.0", "91.108.3.255"),
            ("91.108.7.255", "91.108.8.0"),
            ("::ffff:149.154.160.0", "::ffff:149.154.159.255"),
            ("::ffff:91.108.7.255", "::ffff:91.108.8.0"),
            // In its last bits one of Telegram's, and yet another's.
            (TELEGRAM, "::149.154.167.220"),
            (TELEGRAM, "64:ff9b::149.154.167.220"),
            (TELEGRAM, "2001:67c:4e8::1"),
            (TELEGRAM, "127.0.0.1"),
            (TELEGRAM, "0.0.0.0"),
        ] {
            assert_eq!(from(inside), Ok(()), "{inside}");
            let address = ip(outside);
            assert_eq!(from(outside), Err(Refusal::Source(address)), "{outside}");
        }
    }

    #[test]
    fn a7_the_nearest_hop_that_isnt_trusted_decides() {
        let both = format!("{STRANGER}, {TELEGRAM}");
        let spoofed = format!("{TELEGRAM}, {STRANGER}");
        for (hops, peer, forwarded, source) in [
            // A header alone neither accepts nor rejects a request.
            (0, TELEGRAM, &[][..], TELEGRAM),
            (0, TELEGRAM, &[STRANGER], TELEGRAM),
            (0, TELEGRAM, &["nonsense"], TELEGRAM),
            (0, STRANGER, &[TELEGRAM], STRANGER),
            (0, PROXY, &[TELEGRAM], PROXY),
            // A proxy's own entry is the last; those before it can be written by anyone.
            (1, PROXY, &[TELEGRAM], TELEGRAM),
            (1, PROXY, &[STRANGER], STRANGER),
            (1, PROXY, &[&both], TELEGRAM),
            (1, PROXY, &[&spoofed], STRANGER),
            (1, PROXY, &[STRANGER, TELEGRAM], TELEGRAM),
            (1, PROXY, &[TELEGRAM, STRANGER], STRANGER),
            (1, PROXY, &["", "nonsense,,", TELEGRAM], TELEGRAM),
            (1, PROXY, &["a,b,c , \t149.154.167.220 \t"], TELEGRAM),
            (1, PROXY, &["::ffff:149.154.167.220"], TELEGRAM),
            (1, TELEGRAM, &[STRANGER], STRANGER),
            (2, PROXY, &[TELEGRAM, PROXY], TELEGRAM),
            (2, PROXY, &["149.154.167.220,10.0.0.3"], TELEGRAM),
            (2, PROXY, &[TELEGRAM, STRANGER, PROXY], STRANGER),
            (2, PROXY, &["149.154.167.220,203.0.113.7", PROXY], STRANGER),
            (2, PROXY, &[STRANGER, TELEGRAM], STRANGER),
        ] {
            let admitted = rules(hops).admit(Some(ip(peer)), &headers(forwarded));
            let expected = match source {
                TELEGRAM => Ok(()),
                other => Err(Refusal::Source(ip(other))),
            };
            assert_eq!(admitted, expected, "{hops} hops, {peer}: {forwarded:?}");
        }
    }

    #[test]
    fn a7_a_chain_that_is_too_short_or_no_list_of_addresses_is_refused() {
        for (hops, forwarded) in [
            (1, &[][..]),
            (1, &[""]),
            (1, &[" , "]),
            (1, &["149.154.167.220,"]),
            (1, &["149.154.167.220, "]),
            (1, &["149.154.167.220:443,"]),
            (1, &["\"149.154.167.220\""]),
            (1, &["for=149.154.167.220"]),
            (1, &["149.154.167.220;10.0.0.2"]),
            (1, &["149.154.167.220 10.0.0.2"]),
            (1, &["149.154.167.0220"]),
            (1, &["149.154.42972"]),
            (1, &["2509940700"]),
            (1, &["unknown"]),
            (1, &["\u{661}49.154.167.220"]),
            (1, &[TELEGRAM, ""]),
            (2, &[]),
            (2, &[TELEGRAM]),
            (2, &[TELEGRAM, "unknown"]),
            (2, &["149.154.167.220,,10.0.0.2"]),
            (usize::MAX, &[TELEGRAM, TELEGRAM]),
        ] {
            let admitted = rules(hops).admit(Some(ip(TELEGRAM)), &headers(forwarded));
            assert_eq!(admitted, Err(Refusal::Forwarded), "{hops}: {forwarded:?}");
        }
    }

    #[test]
    fn a10_an_address_is_taken_with_a_port_or_in_brackets_and_nothing_else_is_one() {
        for (entry, ip) in [
            ("149.154.167.220:54321", TELEGRAM),
            ("149.154.167.220:0", TELEGRAM),
            ("149.154.167.220:65535", TELEGRAM),
            ("[::ffff:149.154.167.220]", "::ffff:149.154.167.220"),
            ("[::ffff:149.154.167.220]:443", "::ffff:149.154.167.220"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:8443", "2001:db8::1"),
            // As it has no brackets, all of it is the address.
            ("2001:db8::1:443", "2001:db8::1:443"),
        ] {
            assert_eq!(address(entry), ip.parse().ok(), "{entry}");
        }
        for entry in [
            "",
            "unknown",
            "_hidden",
            "_hidden:443",
            ":443",
            "443",
            "localhost:443",
            "149.154.167.220:",
            "149.154.167.220:65536",
            "149.154.167.220:+80",
            "149.154.167.220:-1",
            "149.154.167.220: 80",
            "149.154.167.220 :80",
            "149.154.167.220:80:80",
            "149.154.167.220:http",
            "149.154.167.220%1",
            "149.154.167.220%1:80",
            "[149.154.167.220]",
            "[149.154.167.220]:80",
            "[2001:db8::1",
            "2001:db8::1]",
            "2001:db8::1]:80",
            "[2001:db8::1]80",
            "[2001:db8::1]:",
            "[2001:db8::1]:65536",
            "[[2001:db8::1]]",
            "[ 2001:db8::1 ]",
            "[]",
            "[]:80",
            "fe80::1%eth0",
            "[fe80::1%eth0]",
            "[fe80::1%1]:80",
            "\"[2001:db8::1]:443\"",
            "for=149.154.167.220:443",
        ] {
            assert_eq!(address(entry), None, "{entry}");
        }
    }

    #[test]
    fn a7_no_peer_is_never_let_in() {
        for hops in 0..3 {
            let headers = headers(&[TELEGRAM, TELEGRAM, TELEGRAM]);
            assert_eq!(rules(hops).admit(None, &headers), Err(Refusal::NoPeer));
        }
    }

    #[test]
    fn a7_who_goes_around_the_proxies_is_refused_where_they_are_named() {
        let rules = |hops| Rules {
            proxies: Some(vec!["10.0.0.0/8".parse().unwrap()]),
            ..rules(hops)
        };
        let admit =
            |hops, peer, forwarded: &[&str]| rules(hops).admit(Some(ip(peer)), &headers(forwarded));
        let stranger = Refusal::Proxy(ip(STRANGER));
        assert_eq!(stranger.to_string(), "203.0.113.7 isn't one of the proxies");
        assert_eq!(admit(1, PROXY, &[TELEGRAM]), Ok(()));
        assert_eq!(admit(1, "::ffff:10.0.0.2", &[TELEGRAM]), Ok(()));
        assert_eq!(admit(1, STRANGER, &[TELEGRAM]), Err(stranger));
        assert_eq!(admit(2, PROXY, &[TELEGRAM, PROXY]), Ok(()));
        assert_eq!(admit(2, PROXY, &[TELEGRAM, STRANGER]), Err(stranger));
        assert_eq!(admit(2, STRANGER, &[TELEGRAM, PROXY]), Err(stranger));
        // They are asked about only where hops are trusted.
        assert_eq!(admit(0, TELEGRAM, &[]), Ok(()));
    }
}
