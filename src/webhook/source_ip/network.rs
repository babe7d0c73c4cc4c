//! A range of IP addresses.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net};

/// A range of IP addresses, such as `149.154.160.0/20`.
///
/// An IPv4 address that is mapped into IPv6 counts as the IPv4 address. So no IPv6 network contains it, not even
/// `::/0`.
///
/// ```
/// use tower_telegram::webhook::IpNetwork;
///
/// let network: IpNetwork = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse()?));
/// assert!(network.contains("::ffff:10.1.2.3".parse()?));
/// assert!(!network.contains("11.0.0.0".parse()?));
///
/// assert!("10.0.0.1/8".parse::<IpNetwork>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpNetwork(IpNet);

impl IpNetwork {
    /// The networks from which Telegram sends webhook requests
    /// ([list](https://core.telegram.org/bots/webhooks#the-short-version)).
    pub const TELEGRAM: [Self; 2] = [
        Self::v4(Ipv4Addr::new(149, 154, 160, 0), 20),
        Self::v4(Ipv4Addr::new(91, 108, 4, 0), 22),
    ];

    const fn v4(first: Ipv4Addr, prefix: u8) -> Self {
        Self(IpNet::V4(Ipv4Net::new_assert(first, prefix)))
    }

    /// The addresses that share their first bits with this one.
    ///
    /// # Errors
    ///
    /// When an address of this kind hasn't as many bits, or has others set behind them: then one of
    /// the two is a slip.
    pub fn new(first: IpAddr, prefix: u8) -> Result<Self, InvalidIpNetwork> {
        let network = IpNet::new(first, prefix).map_err(|_| InvalidIpNetwork::Prefix)?;
        if network.network() != first {
            return Err(InvalidIpNetwork::HostBits);
        }
        // The bits that mark an address as mapped are set, so they are part of the prefix.
        let (canonical, mapped) = match first.to_canonical() {
            v4 @ IpAddr::V4(_) if first.is_ipv6() => (v4, 96),
            same => (same, 0),
        };
        let network = IpNet::new(canonical, prefix.saturating_sub(mapped));
        network.map(Self).map_err(|_| InvalidIpNetwork::Prefix)
    }

    /// Whether the address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// A single address.
impl From<IpAddr> for IpNetwork {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }
}

/// An address, a slash and the length of the prefix; or an address alone.
impl FromStr for IpNetwork {
    type Err = InvalidIpNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidIpNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidIpNetwork::Address)?;
        let Some(prefix) = prefix else {
            return Ok(address.into());
        };
        if !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidIpNetwork::Prefix);
        }
        Self::new(
            address,
            prefix.parse().map_err(|_| InvalidIpNetwork::Prefix)?,
        )
    }
}

impl fmt::Display for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text isn't an [`IpNetwork`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidIpNetwork {
    /// The text before the slash isn't an address.
    Address,
    /// The prefix is no number, or longer than the address.
    Prefix,
    /// The address has bits set behind the prefix.
    HostBits,
}

impl fmt::Display for InvalidIpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "a network begins with an IP address",
            Self::Prefix => "a network's prefix has at most 32 bits for IPv4, 128 for IPv6",
            Self::HostBits => "a network's address has no bits set behind the prefix",
        })
    }
}

impl std::error::Error for InvalidIpNetwork {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a7_a_network_has_the_addresses_with_its_prefix() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.0.0.0", "9.255.255.255"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.0.0.1", "11.0.0.1"),
            ("::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.0"),
            ("10.0.0.1/32", "10.0.0.1", "10.0.0.2"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::ffff:0:0/96", "1.2.3.4", "::"),
            ("::/0", "2001:db8::1", "1.2.3.4"),
            ("::/0", "::1.2.3.4", "::ffff:1.2.3.4"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("2001:db8::/127", "2001:db8::1", "2001:db8::2"),
            ("::1", "::1", "::2"),
        ] {
            let parsed: IpNetwork = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{network}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{network}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed), "{network}");
        }
    }

    #[test]
    fn a_text_that_is_no_network_is_refused() {
        use InvalidIpNetwork::{Address, HostBits, Prefix};
        assert_eq!(Address.to_string(), "a network begins with an IP address");
        for (text, error) in [
            ("", Address),
            ("/8", Address),
            ("10.0.0/8", Address),
            ("10.0.0.0.0/8", Address),
            ("10.0.0.0:80/8", Address),
            ("[::1]/128", Address),
            ("fe80::1%eth0/128", Address),
            ("telegram.org", Address),
            ("10.0.0.0/", Prefix),
            ("10.0.0.0/33", Prefix),
            ("10.0.0.0/+8", Prefix),
            ("10.0.0.0/-8", Prefix),
            ("10.0.0.0/8/8", Prefix),
            ("10.0.0.0/256", Prefix),
            ("10.0.0.0/255.0.0.0", Prefix),
            ("::/129", Prefix),
            ("10.0.0.1/8", HostBits),
            ("10.0.0.1/0", HostBits),
            ("::1/0", HostBits),
            ("::1/127", HostBits),
            ("::ffff:10.0.0.0/102", HostBits),
            ("::ffff:0:0/95", HostBits),
        ] {
            assert_eq!(text.parse::<IpNetwork>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a7_telegrams_networks_are_valid() {
        let networks = IpNetwork::TELEGRAM.map(|network| network.to_string());
        assert_eq!(networks, ["149.154.160.0/20", "91.108.4.0/22"]);
        for network in networks {
            assert_eq!(network.parse::<IpNetwork>().unwrap().to_string(), network);
        }
    }
}
