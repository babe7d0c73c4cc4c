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

/// A test for each server, like the macro in `tests/support/servers.rs`.
macro_rules! rows {
    (@ $row:ident #[$test:meta]) => {
        mod $row {
            #[$test]
            async fn tonic() {
                super::$row(crate::support::servers::Server::Tonic).await;
            }
        }
    };
    (threads: $($row:ident)*) => {$(
        crate::support::servers::rows! { @ $row
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        }
    )*};
    (sockets: $($row:ident)*) => {
        crate::support::servers::rows! { $($row)* }
    };
    ($($row:ident)*) => {$(
        crate::support::servers::rows! { @ $row #[tokio::test] }
    )*};
}
pub(crate) use rows;

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
