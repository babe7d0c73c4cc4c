//! A filter by source address, for requests from Telegram's networks.
//!
//! 1. The address is that of the peer that has connected to the server.
//! 2. With trusted hops, it is the address that the first of them wrote. Each reverse proxy adds the address of its
//!    own peer at the end of `X-Forwarded-For`, so with *n* proxies it is the *n*th from the right, over all such
//!    headers. Entries further left can be written by anyone, and aren't read.
//! 3. An address in [Telegram's networks](IpNetwork::TELEGRAM), or in those that were set: the request is passed on.
//! 4. An entry of the header is an address by itself or with a port: `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`,
//!    `[2001:db8::1]`, `[2001:db8::1]:443`. Any other text isn't an address: a name, `unknown`, an empty entry, an
//!    address with a zone.
//! 5. Any other address, an entry that isn't an address, or fewer entries than hops: 403, and the body is never read.
//! 6. A request without the peer's address: 403, and an error in the log. Headers alone are never enough.
//!
//! # The peer's address
//!
//! HTTP requests have no addresses, so the server must put the peer's into the request's extensions, for example as a
//! [`PeerAddr`]:
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_telegram::webhook::{PeerAddr, SourceIpLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(SourceIpLayer::new())
//!     .service(service_fn(async |_: Request<String>| {
//!         Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//!     }));
//! // A hyper server does this for each connection, with the address that it was accepted from.
//! let connection = |peer: SocketAddr| {
//!     service.clone().map_request(move |mut request: Request<String>| {
//!         request.extensions_mut().insert(PeerAddr(peer));
//!         request
//!     })
//! };
//!
//! let telegram = connection("149.154.167.220:49152".parse()?);
//! let response = telegram.oneshot(Request::new(String::new())).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! let stranger = connection("203.0.113.7:49152".parse()?);
//! let spoofed = Request::post("/").header("x-forwarded-for", "149.154.167.220");
//! let response = stranger.oneshot(spoofed.body(String::new())?).await?;
//! assert_eq!(response.status(), StatusCode::FORBIDDEN);
//! # Ok(())
//! # }
//! ```
//!
//! For a framework that has a type of its own, set the function that finds the address. For axum:
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use axum::{Router, extract::ConnectInfo};
//! use tower_telegram::webhook::SourceIpLayer;
//! # use tower_telegram::{types::Update, webhook::{SecretToken, Webhook}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let webhook = Webhook::new(SecretToken::new("swordfish")?).handler(async |_: Update| ());
//! let layer = SourceIpLayer::new()
//!     .peer_from(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()));
//! let app = Router::new().route_service("/bot", webhook).layer(layer);
//! // Give this to `axum::serve` in place of the router.
//! let app = app.into_make_service_with_connect_info::<SocketAddr>();
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! For tonic it is `Some(extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip())`. On AWS Lambda it is the `source_ip`
//! in the `RequestContext` of `lambda_http`. salvo and poem don't keep the address in the extensions: a middleware before
//! the webhook takes it from `request.remote_addr()` and inserts a [`PeerAddr`]. A server behind a Unix socket has no
//! addresses; with `|_| Some(Ipv4Addr::LOCALHOST.into())` the proxy in front of it is one trusted hop.
//!
//! # Security
//!
//! - Trusted hops are a promise that there are that many proxies, and that each *adds* to the header. With one too
//!   many, the sender of a request can choose the address that is checked.
//! - So can a sender that connects to the bot around its proxies, unless [`proxies`](SourceIpLayer::proxies) lists
//!   their addresses.
//! - This layer doesn't replace the [secret](super::SecretTokenLayer): anyone can have Telegram call a webhook, so an
//!   address in its networks doesn't show for which bot a request is.
//! - `Forwarded` and other headers aren't read. A layer that knows the address from another source can set it as the
//!   [`PeerAddr`].

mod network;
mod rules;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
};

use http::{Extensions, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

pub use self::network::{InvalidIpNetwork, IpNetwork};
use self::rules::{Refusal, Rules};
use super::{Rejection, ResponseFuture, unread_body::UnreadBody};

/// The address of the peer that has connected to the server, for a request's extensions. See the
/// [module](self#the-peers-address).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

impl PeerAddr {
    fn find(extensions: &Extensions) -> Option<IpAddr> {
        extensions.get().map(|Self(address)| address.ip())
    }
}

type FindPeer = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

/// Rejects requests from outside Telegram's networks. See the [module](self).
#[derive(Clone)]
pub struct SourceIpLayer {
    rules: Arc<Rules>,
    peer: FindPeer,
}

impl SourceIpLayer {
    /// Accepts requests that come directly from Telegram's networks.
    pub fn new() -> Self {
        Self {
            rules: Arc::new(Rules {
                networks: IpNetwork::TELEGRAM.to_vec(),
                hops: 0,
                proxies: None,
            }),
            peer: Arc::new(PeerAddr::find),
        }
    }

    /// Accepts requests from these networks in place of Telegram's, such as a local Bot API server's.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use tower_telegram::webhook::{IpNetwork, SourceIpLayer};
    ///
    /// let this_machine = IpNetwork::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
    /// let local_server = SourceIpLayer::new().networks([this_machine]);
    /// let both = SourceIpLayer::new().networks(IpNetwork::TELEGRAM.into_iter().chain([this_machine]));
    /// # let _ = (local_server, both);
    /// ```
    pub fn networks(mut self, networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        Arc::make_mut(&mut self.rules).networks = networks.into_iter().collect();
        self
    }

    /// How many reverse proxies are in front, each of which adds to `X-Forwarded-For`. Default: 0. Mind the
    /// [module](self#security)'s warning.
    pub fn trusted_hops(mut self, hops: usize) -> Self {
        Arc::make_mut(&mut self.rules).hops = hops;
        self
    }

    /// The networks of the trusted hops. A request that comes around them is rejected, whatever its headers are.
    /// Default: any address can be a hop.
    pub fn proxies(mut self, networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        Arc::make_mut(&mut self.rules).proxies = Some(networks.into_iter().collect());
        self
    }

    /// How to find the peer's address in a request's extensions. Default: as a [`PeerAddr`].
    pub fn peer_from(
        mut self,
        find: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.peer = Arc::new(find);
        self
    }

    fn admit<B>(&self, request: &Request<B>) -> Result<(), Rejection> {
        let peer = (self.peer)(request.extensions());
        self.rules.admit(peer, request.headers()).map_err(|why| {
            match why {
                Refusal::NoPeer => tracing::error!(
                    "every request is rejected, because the peer's address isn't in the extensions: \
                     have the server insert a PeerAddr, or use SourceIpLayer::peer_from"
                ),
                why => tracing::debug!(reason = %why, "source address rejected"),
            }
            Rejection::SourceAddress
        })
    }
}

impl Default for SourceIpLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SourceIpLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceIpLayer")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for SourceIpLayer {
    type Service = SourceIpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SourceIpService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`SourceIpLayer`].
#[derive(Clone, Debug)]
pub struct SourceIpService<S> {
    inner: S,
    layer: SourceIpLayer,
}

impl<S> SourceIpService<S> {
    inner_accessors!();
}

impl<S, B, R> Service<Request<B>> for SourceIpService<S>
where
    B: UnreadBody,
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.layer.admit(&request) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(why) => ResponseFuture::early(why),
        }
    }
}
