//! The host of a webhook's URL, as Telegram looks it up and connects to it.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{InvalidWebhook, punycode};

/// The longest label and the longest name of the DNS, in bytes.
const MAX_LABEL: usize = 63;
const MAX_NAME: usize = 253;

/// The most bytes that one character of a name has in UTF-8.
const MAX_CHARACTER: usize = 4;

/// Suffixes that no public name has: standards reserve them for private networks, tests and other systems of names,
/// or the root of the DNS excludes them because many private networks use them. `.example` isn't among them, so that
/// the examples of documentation can be run.
const RESERVED_SUFFIXES: [&str; 14] = [
    "alt",
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "mail",
    "onion",
    "private",
    "test",
];

/// The kind of the host. A name is as Telegram sends it, without a dot at its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    Name(Cow<'a, str>),
    V4(Ipv4Addr),
    V6,
}

impl<'a> Host<'a> {
    /// An IPv6 address has its brackets.
    pub(super) fn read(host: &'a str) -> Result<Self, InvalidWebhook> {
        if host.is_empty() {
            return Err(InvalidWebhook::NotAbsolute);
        }
        if let Some(address) = host.strip_prefix('[') {
            let address = address.strip_suffix(']').ok_or(InvalidWebhook::Host)?;
            let address = address.parse::<Ipv6Addr>();
            return address.map(|_| Self::V6).map_err(|_| InvalidWebhook::Host);
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        // Resolvers take more than dotted decimals for an address (`127.1`, `0x7f000001`), which
        // would be a way around the check of the networks.
        if name.rsplit('.').next().is_some_and(is_number) {
            return host.parse().map(Self::V4).map_err(|_| InvalidWebhook::Host);
        }
        if name.len() > MAX_NAME * MAX_CHARACTER {
            return Err(InvalidWebhook::HostTooLong { length: name.len() });
        }
        if !name.split('.').all(is_label) {
            return Err(InvalidWebhook::Host);
        }
        let name = punycode::to_ascii(name);
        check_lengths(&name)?;
        Ok(Self::Name(name))
    }
}

fn check_lengths(name: &str) -> Result<(), InvalidWebhook> {
    let longest = name.split('.').map(str::len).max().unwrap_or_default();
    if longest > MAX_LABEL {
        return Err(InvalidWebhook::LabelTooLong { length: longest });
    }
    if name.len() > MAX_NAME {
        return Err(InvalidWebhook::HostTooLong { length: name.len() });
    }
    Ok(())
}

/// Whether a name, in lower case, can be in the public DNS.
pub(super) fn check_public_name(name: &str) -> Result<(), InvalidWebhook> {
    let is_in = |suffix: &str| {
        let rest = name.strip_suffix(suffix);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if is_in("localhost") {
        return Err(InvalidWebhook::Localhost);
    }
    if !name.contains('.') {
        return Err(InvalidWebhook::SingleLabel);
    }
    match RESERVED_SUFFIXES.into_iter().find(|suffix| is_in(suffix)) {
        Some(suffix) => Err(InvalidWebhook::ReservedName { suffix }),
        None => Ok(()),
    }
}

fn is_number(label: &str) -> bool {
    let digits = label.bytes().all(|b| b.is_ascii_digit());
    let hex = label.strip_prefix("0x").or(label.strip_prefix("0X"));
    let hex = hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    !label.is_empty() && (digits || hex)
}

fn is_label(label: &str) -> bool {
    let is_at_the_edge = label.starts_with('-') || label.ends_with('-');
    !label.is_empty() && !is_at_the_edge && label.chars().all(is_allowed)
}

/// Whether a name can have it as it is. Telegram turns characters outside ASCII into punycode without
/// mapping them first, as a browser does: a capital, or what has another form in names, leads to a
/// name that doesn't exist.
fn is_allowed(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '-' || c == '_';
    }
    let is_lower = c.to_lowercase().eq([c]);
    is_lower && !c.is_control() && !c.is_whitespace() && !is_mapped(c)
}

/// Whether names have it in another form, or not at all. With some of these an address can be written
/// (`①` is `1`, `Ａ` is `a`). It isn't all of them: the rest Telegram doesn't find.
fn is_mapped(c: char) -> bool {
    // Joins emoji.
    const JOINER: char = '\u{200d}';
    let is_flag = matches!(c, '\u{1f1e6}'..='\u{1f1ff}');
    if c == JOINER || is_flag {
        return false;
    }
    matches!(
        c,
        '\u{a8}' | '\u{aa}' | '\u{ad}' | '\u{af}' | '\u{b2}'..='\u{b5}'
            | '\u{b8}'..='\u{ba}' | '\u{bc}'..='\u{be}'
            | '\u{132}' | '\u{133}' | '\u{13f}' | '\u{140}' | '\u{149}' | '\u{17f}'
            | '\u{1c4}'..='\u{1cc}'
            | '\u{1f1}'..='\u{1f3}'
            | '\u{2b0}'..='\u{2b8}' | '\u{2d8}'..='\u{2dd}' | '\u{2e0}'..='\u{2e4}'
            | '\u{34f}' | '\u{37e}' | '\u{387}'
            | '\u{115f}' | '\u{1160}'
            | '\u{180b}'..='\u{180f}'
            | '\u{1d2c}'..='\u{1d6a}'
            | '\u{1d9b}'..='\u{1dbf}'
            // Spaces, dots and marks; superscripts, currencies, what looks like letters, roman numerals.
            | '\u{2000}'..='\u{218f}'
            // Mathematics.
            | '\u{2200}'..='\u{22ff}'
            | '\u{2329}' | '\u{232a}'
            // Pictures of control characters, and characters in circles.
            | '\u{2400}'..='\u{24ff}'
            | '\u{2a00}'..='\u{2aff}'
            | '\u{2c7c}' | '\u{2c7d}'
            // Radicals.
            | '\u{2e80}'..='\u{2fff}'
            | '\u{3001}' | '\u{3002}'
            | '\u{3131}'..='\u{318f}'
            | '\u{3200}'..='\u{33ff}'
            | '\u{a7f1}'..='\u{a7f4}'
            // Compatibility ideographs, presentation forms, and the selector that emoji keyboards add.
            | '\u{f900}'..='\u{ffff}'
            | '\u{10780}'..='\u{107bf}'
            | '\u{1ccd6}'..='\u{1ccf9}'
            | '\u{1d400}'..='\u{1d7ff}'
            | '\u{1f100}'..='\u{1f2ff}'
            | '\u{1fbf0}'..='\u{1fbf9}'
            | '\u{2f800}'..='\u{2fa1f}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_in_its_common_form() {
        for (host, name) in [
            ("bot.example", "bot.example"),
            ("Bot.Example.", "bot.example"),
            ("бот.рф", "xn--90a0am.xn--p1ai"),
            ("1a.example", "1a.example"),
            ("0x1.0x7fs", "0x1.0x7fs"),
            ("hawai\u{2bb}i.例え", "xn--hawaii-mjd.xn--r8jz45g"),
        ] {
            assert_eq!(Host::read(host), Ok(Host::Name(name.into())), "{host}");
        }
        assert_eq!(
            Host::read("8.8.8.8"),
            Ok(Host::V4(Ipv4Addr::new(8, 8, 8, 8)))
        );
        assert_eq!(Host::read("[::1]"), Ok(Host::V6));
        assert_eq!(Host::read(""), Err(InvalidWebhook::NotAbsolute));
        for host in [
            "127.1",
            "2130706433",
            "0x7f000001",
            "127.0.0.0X1",
            "127.0.0.0x",
            "0177.0.0.1",
            "1.2.3.256",
            "8.8.8.8.",
            "a..b",
            ".",
            "a%2eb",
            "a,b",
            "[::1",
            "[::1]x",
            "[1.2.3.4]",
            // Digits and letters that are turned into those of ASCII.
            "127.0.0.\u{2460}",
            "\u{ff11}\u{ff12}\u{ff17}.0.0.\u{ff11}",
            "192.168.\u{1d7ce}.\u{b9}",
            "\u{24db}ocalhost",
            "loca\u{2e1}host",
            "127\u{2024}0.0.1",
        ] {
            assert_eq!(Host::read(host), Err(InvalidWebhook::Host), "{host}");
        }
    }

    #[test]
    fn a_huge_host_is_refused_at_once() {
        let host = "ж".repeat(1 << 20);
        let length = host.len();
        assert_eq!(
            Host::read(&host),
            Err(InvalidWebhook::HostTooLong { length })
        );
    }
}
