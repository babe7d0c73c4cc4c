//! The servers over which this crate's own tests run.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
};

use axum::{Router, extract::ConnectInfo};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tower::{Service, ServiceExt as _, util::BoxCloneSyncService};
use tower_telegram::{
    IntoReply,
    types::Update,
    webhook::{PeerAddr, SecretTokens, SourceIpLayer, WebhookService},
};

#[cfg(feature = "axum")]
use crate::support::adapter::Handler;
use crate::support::adapter::{Answering, AnyBody, AnyService, Bot, BoxError, Endpoint};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    /// No server: the service is called directly.
    Oneshot,
    Hyper,
    Axum,
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Oneshot => "oneshot",
            Self::Hyper => "hyper",
            Self::Axum => "axum",
        }
    }

    pub(crate) async fn serve<S, U>(self, service: WebhookService<S, U>) -> Endpoint
    where
        S: Service<Request<U>, Response: IntoReply, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        U: DeserializeOwned + Send + 'static,
    {
        match self {
            Self::Oneshot => Endpoint::Service(BoxCloneSyncService::new(service)),
            Self::Hyper => serve_hyper(service).await,
            Self::Axum => serve_axum(Router::new().route_service("/bot", service)).await,
        }
    }

    /// Serves a service that isn't a webhook alone.
    pub(crate) async fn serve_any(self, service: AnyService) -> Endpoint {
        match self {
            Self::Oneshot => Endpoint::Service(BoxCloneSyncService::new(
                service.map_request(with_peer((Ipv4Addr::LOCALHOST, 49152).into())),
            )),
            Self::Hyper => {
                let boxed = |request: Request<Incoming>| request.map(any_body);
                serve_hyper(service.map_request(boxed)).await
            }
            Self::Axum => {
                let boxed = |request: Request<axum::body::Body>| request.map(any_body);
                let service = service.map_request(boxed);
                serve_axum(Router::new().route_service("/bot", service)).await
            }
        }
    }

    /// Configures the layer for this server's way to name the peer.
    pub(crate) fn find_peer(self, layer: SourceIpLayer) -> SourceIpLayer {
        match self {
            // With the layer's own type.
            Self::Oneshot | Self::Hyper => layer,
            Self::Axum => layer
                .peer_from(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())),
        }
    }

    /// The bots that use the server's own extractors.
    pub(crate) async fn extractors(
        self,
        tokens: &SecretTokens,
        answering: Answering<Update>,
    ) -> Vec<Bot> {
        match self {
            Self::Oneshot | Self::Hyper => Vec::new(),
            Self::Axum => extractors(tokens, answering).await,
        }
    }
}

/// All servers, or those with connections, for a row of `for_each_server!`.
macro_rules! servers {
    (all $($row:tt)*) => {
        crate::support::for_each_server::tests_of_row! { $($row)* oneshot: Oneshot, hyper: Hyper, axum: Axum }
    };
    (sockets $($row:tt)*) => {
        crate::support::for_each_server::tests_of_row! { $($row)* hyper: Hyper, axum: Axum }
    };
}
pub(crate) use servers;

fn any_body<B>(body: B) -> AnyBody
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    body.map_err(Into::into).boxed_unsync()
}

fn with_peer<B>(peer: SocketAddr) -> impl Fn(Request<B>) -> Request<B> + Clone {
    move |mut request| {
        request.extensions_mut().insert(PeerAddr(peer));
        request
    }
}

/// A loopback port, chosen by the system.
async fn listen() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, Endpoint::Socket(address))
}

/// Serves until the test's runtime ends.
pub(crate) async fn serve_hyper<S, B>(service: S) -> Endpoint
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (listener, endpoint) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let service = service.clone().map_request(with_peer(peer));
            let service = TowerToHyperService::new(service);
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    endpoint
}

pub(crate) async fn serve_axum(router: Router) -> Endpoint {
    let (listener, endpoint) = listen().await;
    let app = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    endpoint
}

/// An axum handler that extracts the update, behind the layer for the secret.
#[cfg(feature = "axum")]
async fn extractors(tokens: &SecretTokens, answering: Answering<Update>) -> Vec<Bot> {
    use axum::{Extension, http::StatusCode, routing::post};
    use tower_telegram::{
        axum::Telegram,
        webhook::{BotId, SecretTokenLayer},
    };

    let handler = Handler::new(answering);
    let state = handler.clone();
    let handle = async move |bot: Option<Extension<BotId>>, Telegram(update): Telegram<Update>| {
        let reply = state.handle(update, bot.map(|Extension(bot)| bot));
        reply
            .map(Telegram)
            .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    };
    let router = Router::new()
        .route("/bot", post(handle))
        .layer(SecretTokenLayer::new(tokens.clone()));
    vec![Bot {
        name: "axum's extractor",
        endpoint: serve_axum(router).await,
        handler,
    }]
}

#[cfg(not(feature = "axum"))]
fn extractors(_: &SecretTokens, _: Answering<Update>) -> std::future::Ready<Vec<Bot>> {
    std::future::ready(Vec::new())
}
