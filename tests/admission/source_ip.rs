//! A7: where a request comes from.

use std::net::{IpAddr, Ipv4Addr};

use tower::{Layer as _, ServiceExt as _, util::BoxCloneSyncService};
use tower_telegram::webhook::{IpNetwork, Rejection, SourceIpLayer, Webhook};
use tracing::instrument::WithSubscriber as _;

use crate::support::{
    adapter::{Bot, Endpoint, Handler, nothing, secret},
    for_each_server::for_each_server,
    log::Log,
    servers::Server,
    wire::{Call, MESSAGE, SECRET, SECRET_HEADER},
};

for_each_server! {
    a7_the_peer_is_let_in_by_its_network_whatever_a_header_says
    a7_behind_proxies_the_nearest_hop_that_isnt_trusted_decides
    a7_a_request_around_the_proxies_is_rejected
    a7_the_networks_come_in_addition_to_the_secret
    a10_an_address_with_a_port_or_in_brackets_is_an_address
}

for_each_server! { sockets:
    a7_the_refusal_doesnt_wait_for_the_body
}

const TELEGRAM: &str = "149.154.167.220";
const STRANGER: &str = "203.0.113.7";
const FORWARDED: &str = "X-Forwarded-For";

/// Where the tests connect from.
fn here() -> IpNetwork {
    IpAddr::from(Ipv4Addr::LOCALHOST).into()
}

/// A bot behind the layer.
async fn bot(server: Server, layer: &SourceIpLayer) -> Bot {
    let handler = Handler::new(nothing);
    let webhook = Webhook::new(secret(SECRET)).service(handler.clone());
    let service = server.find_peer(layer.clone()).layer(webhook);
    Bot {
        name: server.name(),
        endpoint: server.serve_any(BoxCloneSyncService::new(service)).await,
        handler,
    }
}

fn forwarded(values: &[&str]) -> Call {
    let call = Call::new(MESSAGE);
    let add = |call: Call, value: &&str| call.header(FORWARDED, *value);
    values.iter().fold(call, add)
}

async fn expect(server: Server, layer: SourceIpLayer, call: Call, status: u16) {
    let bot = bot(server, &layer).await;
    let answer = bot.send(&call).await;
    assert_eq!(answer.status, status, "{bot}, {layer:?}: {call:?}");
    let handled = usize::from(status == 200);
    assert_eq!(bot.handled().len(), handled, "{bot}, {layer:?}: {call:?}");
    if status != 200 {
        assert!(answer.body.is_empty(), "{bot}");
    }
}

async fn a7_the_peer_is_let_in_by_its_network_whatever_a_header_says(server: Server) {
    let from_here = SourceIpLayer::new().networks([here()]);
    let from_telegram = SourceIpLayer::new();
    for values in [&[][..], &[TELEGRAM], &[STRANGER], &["nonsense"]] {
        expect(server, from_here.clone(), forwarded(values), 200).await;
        expect(server, from_telegram.clone(), forwarded(values), 403).await;
    }
    let call = Call::new(MESSAGE).header("Forwarded", format!("for={TELEGRAM}"));
    expect(server, from_telegram.clone(), call, 403).await;
    let call = Call::new(MESSAGE).header("X-Real-IP", TELEGRAM);
    expect(server, from_telegram, call, 403).await;
}

async fn a7_behind_proxies_the_nearest_hop_that_isnt_trusted_decides(server: Server) {
    for (hops, values, status) in [
        (1, &[][..], 403),
        (1, &[TELEGRAM], 200),
        (1, &[STRANGER], 403),
        (1, &[STRANGER, TELEGRAM], 200),
        (1, &[TELEGRAM, STRANGER], 403),
        (1, &["149.154.167.220, 203.0.113.7"], 403),
        (2, &[TELEGRAM], 403),
        (2, &[TELEGRAM, "10.0.0.2"], 200),
        (2, &["149.154.167.220, 203.0.113.7", "10.0.0.2"], 403),
    ] {
        let layer = SourceIpLayer::new().trusted_hops(hops);
        expect(server, layer, forwarded(values), status).await;
    }
}

/// As gateways write it that add the port of the connection.
async fn a10_an_address_with_a_port_or_in_brackets_is_an_address(server: Server) {
    for (hops, values, status) in [
        (1, &["149.154.167.220:54321"][..], 200),
        (1, &["203.0.113.7:54321"], 403),
        (1, &["203.0.113.7:1, 149.154.167.220:54321"], 200),
        (1, &["149.154.167.220:1, 203.0.113.7:54321"], 403),
        (1, &["203.0.113.7", " \t149.154.167.220:54321 "], 200),
        (1, &["[::ffff:149.154.167.220]:443"], 200),
        (1, &["[::ffff:149.154.167.220]"], 200),
        (1, &["[::ffff:203.0.113.7]:443"], 403),
        (2, &["149.154.167.220:443, 10.0.0.2:8080"], 200),
        (2, &["149.154.167.220:443", "[2001:db8::1]:8080"], 200),
        (2, &["149.154.167.220:443,,10.0.0.2:8080"], 403),
        (1, &["149.154.167.220:443,"], 403),
        (1, &["149.154.167.220:443", ""], 403),
        (1, &["149.154.167.220:http"], 403),
        (1, &["149.154.167.220:65536"], 403),
        (1, &["[149.154.167.220]:443"], 403),
        (1, &["unknown"], 403),
        (1, &["_hidden"], 403),
        (2, &["149.154.167.220:443", "unknown"], 403),
    ] {
        let layer = SourceIpLayer::new().trusted_hops(hops);
        expect(server, layer, forwarded(values), status).await;
    }
    let proxies = ["10.0.0.0/8".parse().expect("a network"), here()];
    let layer = SourceIpLayer::new().trusted_hops(2).proxies(proxies);
    for (proxy, status) in [("10.0.0.2:8080", 200), ("203.0.113.7:8080", 403)] {
        let call = forwarded(&["149.154.167.220:443", proxy]);
        expect(server, layer.clone(), call, status).await;
    }
}

async fn a7_a_request_around_the_proxies_is_rejected(server: Server) {
    let layer = SourceIpLayer::new().trusted_hops(1);
    expect(
        server,
        layer.clone().proxies([here()]),
        forwarded(&[TELEGRAM]),
        200,
    )
    .await;
    let elsewhere = layer.proxies(["10.0.0.0/8".parse().expect("a network")]);
    expect(server, elsewhere, forwarded(&[TELEGRAM]), 403).await;
}

/// A body that is announced and never comes can't hold up the refusal, and a right secret doesn't
/// help.
async fn a7_the_refusal_doesnt_wait_for_the_body(server: Server) {
    let bot = bot(server, &SourceIpLayer::new()).await;
    let mut connection = bot.endpoint.connect().await.expect("a socket");
    let call = Call::new("").with("Content-Length", "1000");
    connection.write(&call.head()).await;
    assert_eq!(connection.answer(&call).await.status, 403, "{bot}");
}

#[tokio::test]
async fn a7_without_a_peer_every_request_is_rejected_and_the_log_says_what_to_do() {
    let all = ["0.0.0.0/0", "::/0"].map(|all| all.parse().expect("a network"));
    let layer = SourceIpLayer::new().networks(all);
    for hops in 0..3 {
        let webhook = Webhook::new(secret(SECRET)).service(Handler::new(nothing));
        let service = layer.clone().trusted_hops(hops).layer(webhook);
        let log = Log::default();
        let call = forwarded(&[TELEGRAM, TELEGRAM, TELEGRAM]);
        let answered = service.oneshot(call.request());
        let Ok(response) = answered.with_subscriber(log.clone()).await;
        assert_eq!(response.status(), 403);
        let why = response.extensions().get();
        assert_eq!(why, Some(&Rejection::SourceAddress));
        let text = log.text();
        assert!(text.contains("ERROR tower_telegram::webhook"), "{text}");
        assert!(text.contains("PeerAddr"), "{text}");
        assert!(text.contains("peer_from"), "{text}");
    }
}

async fn a7_the_networks_come_in_addition_to_the_secret(server: Server) {
    let layer = SourceIpLayer::new().networks([here()]);
    let call = Call::new(MESSAGE).with(SECRET_HEADER, "guess");
    expect(server, layer, call, 401).await;
}

/// A service without a server has the peer that the test sets.
#[tokio::test]
async fn a7_over_ipv6_a_mapped_address_is_what_it_maps() {
    for (peer, status) in [
        (TELEGRAM, 200),
        ("::ffff:149.154.167.220", 200),
        ("::ffff:203.0.113.7", 403),
        ("::149.154.167.220", 403),
        ("::1", 403),
    ] {
        let webhook = Webhook::new(secret(SECRET)).service(Handler::new(nothing));
        let peer: IpAddr = peer.parse().expect("an address");
        let layer = SourceIpLayer::new().peer_from(move |_| Some(peer));
        let service = BoxCloneSyncService::new(layer.layer(webhook));
        let answer = Endpoint::Service(service).send(&Call::new(MESSAGE)).await;
        assert_eq!(answer.status, status, "{peer}");
    }
}
