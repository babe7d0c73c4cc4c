//! The source of a request: for any peer and any `X-Forwarded-For`, it is the nearest hop that isn't
//! trusted, and never the header alone.

#![no_main]

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use arbitrary::Arbitrary;
use http::{HeaderValue, Request, Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use tower::{Layer, ServiceExt, service_fn};
use tower_telegram::webhook::{IpNetwork, PeerAddr, SourceIpLayer};
use tower_telegram_fuzz::now;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    peer: Option<Address>,
    headers: Vec<Vec<Entry<'a>>>,
    hops: u8,
    networks: Option<Vec<Network>>,
    proxies: Option<Vec<Network>>,
}

/// An address near the limits of a network, or anywhere.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Address {
    Telegram(u16),
    Mapped(u16),
    Private(u8),
    V4(u32),
    V6(u128),
}

impl Address {
    fn get(self) -> IpAddr {
        let telegram = |low: u16| Ipv4Addr::from_bits(0x959a_0000 | u32::from(low));
        match self {
            Self::Telegram(low) => telegram(low).into(),
            Self::Mapped(low) => telegram(low).to_ipv6_mapped().into(),
            Self::Private(low) => Ipv4Addr::new(10, 0, 0, low).into(),
            Self::V4(bits) => Ipv4Addr::from_bits(bits).into(),
            Self::V6(bits) => Ipv6Addr::from_bits(bits).into(),
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Entry<'a> {
    Address(Address),
    Spaced(Address),
    WithPort(Address, u16),
    Bracketed(Address),
    Bytes(&'a [u8]),
}

impl Entry<'_> {
    fn get(&self) -> Vec<u8> {
        match self {
            Self::Address(address) => address.get().to_string().into(),
            Self::Spaced(address) => format!(" \t{} ", address.get()).into(),
            Self::WithPort(address, port) => {
                SocketAddr::new(address.get(), *port).to_string().into()
            }
            Self::Bracketed(address) => format!("[{}]", address.get()).into(),
            Self::Bytes(bytes) => bytes.to_vec(),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Network {
    address: Address,
    prefix: u8,
}

/// The bits of an address as text, so that a network is a prefix of it.
fn bits(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("4:{:032b}", v4.to_bits()),
        IpAddr::V6(v6) => format!("6:{:0128b}", v6.to_bits()),
    }
}

/// A network, and the first bits of its addresses.
fn network(network: Network) -> Option<(IpNetwork, String)> {
    let address = network.address.get();
    let prefix = usize::from(network.prefix);
    let made = IpNetwork::new(address, network.prefix);
    let all = match address {
        IpAddr::V4(v4) => format!("{:032b}", v4.to_bits()),
        IpAddr::V6(v6) => format!("{:0128b}", v6.to_bits()),
    };
    let fits = prefix <= all.len() && !all[prefix..].contains('1');
    assert_eq!(made.is_ok(), fits);
    let made = made.ok()?;
    let mut beginning = bits(address);
    beginning.truncate(beginning.len() - (all.len() - prefix));
    let text = format!("{address}/{prefix}");
    assert_eq!(text.parse(), Ok(made));
    assert_eq!(made.to_string().parse(), Ok(made));
    Some((made, beginning))
}

fn is_telegram(address: IpAddr) -> bool {
    let IpAddr::V4(address) = address.to_canonical() else {
        return false;
    };
    matches!(
        address.octets(),
        [149, 154, 160..=175, _] | [91, 108, 4..=7, _]
    )
}

fn is_in(networks: &[(IpNetwork, String)], address: IpAddr) -> bool {
    let bits = bits(address);
    let is_in = networks.iter().any(|(_, first)| bits.starts_with(first));
    let contained = networks
        .iter()
        .any(|(network, _)| network.contains(address));
    assert_eq!(contained, is_in);
    is_in
}

/// The address in an entry: alone, with a port, or of version 6 in brackets with or without a port.
fn said(entry: &str) -> Option<IpAddr> {
    let is_port = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok();
    if let Ok(address) = entry.parse() {
        return Some(address);
    }
    if let Some(entry) = entry.strip_prefix('[') {
        let (address, rest) = entry.split_once(']')?;
        let fits = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return address.parse::<Ipv6Addr>().ok().filter(|_| fits).map(Into::into);
    }
    let (address, port) = entry.split_once(':')?;
    address.parse::<Ipv4Addr>().ok().filter(|_| is_port(port)).map(Into::into)
}

/// The addresses from the nearest hop on, up to the first entry that isn't one.
fn chain(peer: IpAddr, headers: &[Vec<u8>]) -> Vec<IpAddr> {
    let all = headers.join(&b","[..]);
    let all: String = all.iter().map(|byte| char::from(*byte)).collect();
    let all = all.split(',').map(|entry| {
        said(entry.trim_matches([' ', '\t']))
    });
    let mut said: Vec<_> = all.collect();
    said.reverse();
    let said = said.into_iter().map_while(|address| address);
    [peer].into_iter().chain(said).collect()
}

fuzz_target!(|input: Input<'_>| {
    let hops = usize::from(input.hops % 4);
    let made =
        |networks: Vec<Network>| -> Vec<_> { networks.into_iter().filter_map(network).collect() };
    let networks = input.networks.map(made);
    let proxies = input.proxies.map(made);
    let headers = input.headers.iter().map(|entries| {
        let entries: Vec<_> = entries.iter().map(Entry::get).collect();
        entries.join(&b","[..])
    });
    let headers: Vec<_> = headers
        .filter(|value| HeaderValue::from_bytes(value).is_ok())
        .collect();
    let peer = input.peer.map(Address::get);

    let expected = peer.is_some_and(|peer| {
        let chain = chain(peer, &headers);
        let are_proxies = chain.iter().take(hops).all(|address| {
            proxies
                .as_ref()
                .is_none_or(|proxies| is_in(proxies, *address))
        });
        let source = chain.get(hops);
        are_proxies
            && source.is_some_and(|source| match &networks {
                Some(networks) => is_in(networks, *source),
                None => is_telegram(*source),
            })
    });

    let alone = |list: &Vec<(IpNetwork, String)>| list.iter().map(|(n, _)| *n).collect::<Vec<_>>();
    let mut layer = SourceIpLayer::new().trusted_hops(hops);
    if let Some(networks) = &networks {
        layer = layer.networks(alone(networks));
    }
    if let Some(proxies) = &proxies {
        layer = layer.proxies(alone(proxies));
    }
    let mut request = Request::new(String::new());
    for value in &headers {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append("x-forwarded-for", value);
    }
    if let Some(peer) = peer {
        let peer = PeerAddr(SocketAddr::new(peer, 443));
        request.extensions_mut().insert(peer);
    }
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(true)));
    let answer = now(layer.layer(inner).oneshot(request)).unwrap();
    let status = if expected {
        StatusCode::OK
    } else {
        StatusCode::FORBIDDEN
    };
    assert_eq!((answer.status(), *answer.body()), (status, expected));
});
