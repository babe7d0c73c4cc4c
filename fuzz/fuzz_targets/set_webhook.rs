//! The check of a webhook's URL against the `url` crate.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use tower_telegram::{methods::SetWebhook, webhook::registration::InvalidWebhook};
use url::{Host, Url};

fn is_public(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    let is_shared = octets[0] == 100 && octets[1] & 0xc0 == 64;
    let is_benchmark = octets[0] == 198 && octets[1] & 0xfe == 18;
    let is_other = matches!(
        octets,
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [224..=255, ..]
    );
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || is_shared
        || is_benchmark
        || is_other)
}

/// Names that the public DNS doesn't have.
const RESERVED: [&str; 14] = [
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
    "localhost",
    "onion",
    "private",
    "test",
];

fn is_below(name: &str, suffix: &str) -> bool {
    name == suffix || name.ends_with(&format!(".{suffix}"))
}

/// Whether Telegram's own servers could send to the URL.
fn is_sound(url: &Url) -> bool {
    let is_reachable = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name.contains('.') && !RESERVED.iter().any(|last| is_below(name, last))
        }
        Some(Host::Ipv4(address)) => is_public(address),
        Some(Host::Ipv6(_)) | None => false,
    };
    let port = url.port_or_known_default();
    is_reachable
        && url.scheme() == "https"
        && port.is_some_and(|port| [80, 88, 443, 8443].contains(&port))
        && url.fragment().is_none()
}

/// Whether a name has only ordinary characters.
fn is_plain(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let labels = || name.split('.');
    let is_short = |label: &str| label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-');
    if name.len() > 253 || !labels().all(is_short) {
        return false;
    }
    labels().all(|label| !label.is_empty() && label.chars().all(is_plain))
        && labels().all(|label| !label.to_ascii_lowercase().starts_with("xn--"))
}

fn check_url(text: &str) {
    let checked = SetWebhook::new(text).check();
    let local = SetWebhook::new(text).for_local_server().check();
    // Telegram reads a URL without a scheme as `https`.
    let has_scheme = text.find(|c| ":/?#@[]".contains(c)).is_some_and(|at| text[at..].starts_with("://"));
    let url = if has_scheme {
        Url::parse(text)
    } else {
        Url::parse(&format!("https://{text}"))
    };
    if checked.is_ok() {
        assert_eq!(local, Ok(()));
        match &url {
            Ok(url) => assert!(is_sound(url), "{url}"),
            // Without tables, this check doesn't know which letters of a name may be combined.
            Err(error) => {
                let host = text.split('/').nth(if has_scheme { 2 } else { 0 }).unwrap_or_default();
                let is_idna = !host.is_ascii() || host.to_ascii_lowercase().contains("xn--");
                assert!(is_idna, "{error}");
            }
        }
    }
    if let Ok(url) = &url
        && local.is_ok()
    {
        assert!(["http", "https"].contains(&url.scheme()));
        assert_eq!(url.fragment(), None);
    }
    // A URL in the normal form of the `url` crate is rejected only if it is wrong.
    if let Ok(url) = &url
        && url.as_str() == text
        && is_sound(url)
        && url.username().is_empty()
        && url.password().is_none()
        && url
            .host_str()
            .is_some_and(|host| url.domain().is_none() || is_plain(host))
        && text.len() < 3000
    {
        assert_eq!(checked, Ok(()), "{text}");
    }
}

fn check_address(text: &str) {
    let settings = SetWebhook::new("https://bot.example/").ip_address(text);
    let expected = match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if is_public(address) => Ok(()),
        Ok(IpAddr::V4(address)) => Err(InvalidWebhook::ReservedAddress { address }),
        Ok(IpAddr::V6(_)) => Err(InvalidWebhook::Ipv6),
        Err(_) => Err(InvalidWebhook::IpAddress),
    };
    assert_eq!(settings.check(), expected);
}

fuzz_target!(|text: &str| {
    check_url(text);
    check_url(&format!("https://{text}"));
    check_address(text);
    if let Some(bits) = text.as_bytes().first_chunk() {
        let address = Ipv4Addr::from_bits(u32::from_be_bytes(*bits));
        check_url(&format!("https://{address}/"));
        check_address(&address.to_string());
    }
});
