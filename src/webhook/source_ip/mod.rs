//! Lets in who comes from Telegram's networks.
//!
//! 1. The address is the peer's: who has connected to the server.
//! 2. With trusted hops, it is what the last of them wrote down. Each reverse proxy adds who
//!    connected to it at the end of `X-Forwarded-For`, so with *n* of them it is the *n*th from the
//!    right, over all such headers. What stands further left is anyone's, and isn't looked at.
//! 3. An address in [Telegram's networks](IpNetwork::TELEGRAM), or in those that were set: the
//!    request goes on.
//! 4. An entry of the header is an address by itself or with a port: `192.0.2.1`, `192.0.2.1:443`,
//!    `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:443`. Anything else is no address: a name, `unknown`,
//!    nothing between two commas, an address with a zone.
//! 5. Any other address, none where one is needed, or fewer than hops: 403, and the body is never read.
//! 6. No peer's address: 403, and an error in the log. The headers alone let nobody in.
//!
//! # The peer's address
//!
//! HTTP knows no addresses, so the server must say it, in the request's extensions. That can be as a
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
//! // What a hyper server does for each connection, with the address that it was accepted from.
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
//! Where a framework has a type of its own, the layer is told where to look. For axum:
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
//! // What `axum::serve` is given in place of the router.
//! let app = app.into_make_service_with_connect_info::<SocketAddr>();
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! For tonic it is `Some(extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip())`. A server behind
//! a Unix socket has no addresses; with `|_| Some(Ipv4Addr::LOCALHOST.into())` the proxy in front of
//! it is one trusted hop.
//!
//! # Security
//!
//! - Trusted hops are a promise that there are that many, and that each *adds* to the header. One
//!   too many, and whoever sends a request writes the address that is looked at.
//! - The same goes for who can connect to the bot around its proxies, unless
//!   [`proxies`](SourceIpLayer::proxies) says who they are.
//! - This comes in addition to the [secret](super::SecretTokenLayer), not in its place: anyone can
//!   have Telegram call a webhook, so an address in its networks doesn't say for whom the request
//!   is.
//! - `Forwarded` and other headers aren't read. What knows the address from elsewhere can set it as
//!   the [`PeerAddr`].

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

/// Who has connected to the server, for a request's extensions. See the
/// [module](self#the-peers-address).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

impl PeerAddr {
    fn find(extensions: &Extensions) -> Option<IpAddr> {
        extensions.get().map(|Self(address)| address.ip())
    }
}

type FindPeer = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

/// Turns away requests from elsewhere than Telegram's networks. See the [module](self).
#[derive(Clone)]
pub struct SourceIpLayer {
    rules: Arc<Rules>,
    peer: FindPeer,
}

impl SourceIpLayer {
    /// Lets in who comes straight from Telegram's networks.
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

    /// Lets in who comes from these in place of Telegram's, such as a local Bot API server.
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

    /// How many reverse proxies stand in front, each of which adds to `X-Forwarded-For`; none,
    /// unless told otherwise. Mind the [module](self#security)'s warning.
    pub fn trusted_hops(mut self, hops: usize) -> Self {
        Arc::make_mut(&mut self.rules).hops = hops;
        self
    }

    /// Where the trusted hops are; anywhere, unless told otherwise. Who comes from elsewhere, around
    /// them, is turned away whatever the header says.
    pub fn proxies(mut self, networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        Arc::make_mut(&mut self.rules).proxies = Some(networks.into_iter().collect());
        self
    }

    /// Where a request's extensions have the peer's address; as a [`PeerAddr`], unless told
    /// otherwise.
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
    type Service = RequireSourceIp<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireSourceIp {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`SourceIpLayer`].
#[derive(Clone, Debug)]
pub struct RequireSourceIp<S> {
    inner: S,
    layer: SourceIpLayer,
}

impl<S> RequireSourceIp<S> {
    inner_accessors!();
}

impl<S, B, R> Service<Request<B>> for RequireSourceIp<S>
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
