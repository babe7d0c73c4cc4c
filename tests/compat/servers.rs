//! The servers over which the shared rows run here.

use axum::{Router, body::Body};
use http::Request;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tonic::{
    service::Routes,
    transport::server::{Server as TonicServer, TcpConnectInfo, TcpIncoming},
};
use tower::{Service, ServiceExt as _};
use tower_telegram::{
    IntoReply,
    types::Update,
    webhook::{SecretTokens, SourceIpLayer, WebhookService},
};

use crate::support::adapter::{Answering, AnyService, Bot, BoxError, Endpoint};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    /// A gRPC server with the webhook on the same port.
    Tonic,
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tonic => "tonic",
        }
    }

    pub(crate) async fn serve<S, U>(self, service: WebhookService<S, U>) -> Endpoint
    where
        S: Service<Request<U>, Response: IntoReply, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        U: DeserializeOwned + Send + 'static,
    {
        serve(|grpc| grpc.route_service("/bot", service)).await
    }

    /// Serves a service that isn't a webhook alone.
    pub(crate) async fn serve_any(self, service: AnyService) -> Endpoint {
        let boxed =
            |request: Request<Body>| request.map(|body| body.map_err(Into::into).boxed_unsync());
        serve(|grpc| grpc.route_service("/bot", service.map_request(boxed))).await
    }

    /// Configures the layer for this server's way to name the peer.
    pub(crate) fn find_peer(self, layer: SourceIpLayer) -> SourceIpLayer {
        match self {
            Self::Tonic => layer.peer_from(|extensions| {
                let info = extensions.get::<TcpConnectInfo>()?;
                Some(info.remote_addr()?.ip())
            }),
        }
    }

    /// This server has no extractors.
    #[expect(clippy::unused_async, reason = "others serve theirs")]
    pub(crate) async fn extractors(self, _: &SecretTokens, _: Answering<Update>) -> Vec<Bot> {
        Vec::new()
    }
}

/// The server for a row of `for_each_server!`.
macro_rules! servers {
    (all $($row:tt)*) => {
        crate::support::for_each_server::tests_of_row! { $($row)* tonic: Tonic }
    };
    (sockets $($row:tt)*) => {
        crate::support::for_each_server::tests_of_row! { $($row)* tonic: Tonic }
    };
}
pub(crate) use servers;

/// Serves until the test's runtime ends.
async fn serve(add: impl FnOnce(Router) -> Router) -> Endpoint {
    let (_, health) = tonic_health::server::health_reporter();
    let routes = Routes::from(add(Routes::new(health).into_axum_router()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(
        TonicServer::builder()
            .accept_http1(true)
            .add_routes(routes)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    Endpoint::Socket(address)
}
